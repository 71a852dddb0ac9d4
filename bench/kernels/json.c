/* Byte scanning with a switch: tokenizes a generated JSON text of about 4 KiB n times. */
#include "kernel.h"

enum { SIZE = 4096 };
static u8 text[SIZE + 64];
static u32 length;

static void put(const char *s) {
    while (*s) text[length++] = (u8)*s++;
}

static void put_number(u32 value) {
    u8 digits[10];
    int count = 0;
    do digits[count++] = (u8)('0' + value % 10);
    while (value /= 10);
    while (count) text[length++] = digits[--count];
}

static void generate(void) {
    put("[");
    for (u32 i = 0; length < SIZE - 160; i++) {
        put("{\"id\": ");
        put_number(i * 7919);
        put(", \"name\": \"user \\\"");
        put_number(i);
        put("\\\" \\u00e9\", \"tags\": [true, false, null, -1.5e3], \"ok\": true},\n ");
    }
    put("{}]");
}

static u32 skip_string(u32 at) {
    for (at++; text[at] != '"'; at++)
        if (text[at] == '\\') at++;
    return at + 1;
}

static u32 skip_number(u32 at) {
    for (;; at++) {
        u8 c = text[at];
        if (!(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E') return at;
    }
}

static u32 skip_word(u32 at) {
    while (text[at] >= 'a' && text[at] <= 'z') at++;
    return at;
}

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    if (!length) generate();
    for (u32 round = 0; round < n; round++) {
        u32 at = 0, depth = 0, tokens = 0;
        while (at < length) {
            u32 start = at;
            switch (text[at]) {
            case ' ': case '\n': case '\t': case '\r': at++; continue;
            case '{': case '[': depth++, at++; break;
            case '}': case ']': depth--, at++; break;
            case ':': case ',': at++; break;
            case '"': at = skip_string(at); break;
            case 't': case 'f': case 'n': at = skip_word(at); break;
            default: at = skip_number(at); break;
            }
            tokens++;
            sum = mix(sum, (at - start) * 31 + depth);
        }
        sum = mix(sum, tokens);
    }
    return sum;
}
