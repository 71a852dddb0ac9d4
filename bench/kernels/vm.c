/* An interpreter in the interpreter: a bytecode machine with a switch, n times 1000 loop rounds. */
#include "kernel.h"

enum { PUSH, ADD, SUB, MUL, XOR, LOAD, STORE, JNZ, DUP, SWAP, SHL, SHR, AND, HALT };

static const u8 program[] = {
    PUSH, 1, STORE, 1,                                                      /* sum = 1 */
    LOAD, 1, PUSH, 31, MUL, LOAD, 0, ADD, DUP, PUSH, 5, SHR, XOR, STORE, 1, /* sum = f(sum, counter) */
    LOAD, 1, PUSH, 3, SHL, LOAD, 2, XOR, PUSH, 127, AND, STORE, 2,
    LOAD, 0, PUSH, 1, SUB, DUP, STORE, 0, JNZ, 4,                           /* until the counter is 0 */
    HALT};

NOINLINE static u32 interpret(u32 counter) {
    u32 stack[16], var[4] = {counter, 0, 0, 0}, sp = 0, pc = 0;
    for (;;) {
        switch (program[pc++]) {
        case PUSH: stack[sp++] = program[pc++]; break;
        case ADD: sp--, stack[sp - 1] += stack[sp]; break;
        case SUB: sp--, stack[sp - 1] -= stack[sp]; break;
        case MUL: sp--, stack[sp - 1] *= stack[sp]; break;
        case XOR: sp--, stack[sp - 1] ^= stack[sp]; break;
        case LOAD: stack[sp++] = var[program[pc++]]; break;
        case STORE: var[program[pc++]] = stack[--sp]; break;
        case JNZ: pc = stack[--sp] ? program[pc] : pc + 1; break;
        case DUP: stack[sp] = stack[sp - 1], sp++; break;
        case SWAP: { u32 t = stack[sp - 1]; stack[sp - 1] = stack[sp - 2], stack[sp - 2] = t; break; }
        case SHL: sp--, stack[sp - 1] <<= stack[sp] & 31; break;
        case SHR: sp--, stack[sp - 1] >>= stack[sp] & 31; break;
        case AND: sp--, stack[sp - 1] &= stack[sp]; break;
        default: return var[1] ^ var[2];
        }
    }
}

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    for (u32 round = 0; round < n; round++) sum = mix(sum, interpret(1000));
    return sum;
}
