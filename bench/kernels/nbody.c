/* Doubles with division and square root: n steps of five bodies under gravity. */
#include "kernel.h"

typedef struct { double at[3], speed[3], mass; } body_t;
static body_t body[5];

static void setup(void) {
    for (int i = 0; i < 5; i++) {
        for (int d = 0; d < 3; d++) {
            body[i].at[d] = i * 2.5 + d * 0.75 - (i * d) * 0.31;
            body[i].speed[d] = (d - 1) * 0.11 + i * 0.013;
        }
        body[i].mass = i ? 0.01 * i : 39.0;
    }
}

static void step(double dt) {
    for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 5; j++) {
            double delta[3], square = 1e-3;
            for (int d = 0; d < 3; d++) {
                delta[d] = body[i].at[d] - body[j].at[d];
                square += delta[d] * delta[d];
            }
            double pull = dt / (square * __builtin_sqrt(square));
            for (int d = 0; d < 3; d++) {
                body[i].speed[d] -= delta[d] * body[j].mass * pull;
                body[j].speed[d] += delta[d] * body[i].mass * pull;
            }
        }
    for (int i = 0; i < 5; i++)
        for (int d = 0; d < 3; d++) body[i].at[d] += dt * body[i].speed[d];
}

EXPORT(run) u64 run(u32 n) {
    setup();
    for (u32 i = 0; i < n; i++) step(0.001);
    union { double value; u64 bits; } out = {body[0].at[0] + body[4].at[2]};
    return out.bits;
}
