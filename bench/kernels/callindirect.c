/* Calls through a table, as virtual methods are: n rounds over 1024 objects of four classes. */
#include "kernel.h"

enum { COUNT = 1024 };
typedef struct shape { u32 (*area)(const struct shape *); u32 width, height; } shape_t;

static u32 square(const shape_t *s) { return s->width * s->width; }
static u32 rectangle(const shape_t *s) { return s->width * s->height; }
static u32 triangle(const shape_t *s) { return s->width * s->height / 2; }
static u32 frame(const shape_t *s) { return 2 * (s->width + s->height); }

static shape_t shapes[COUNT];

EXPORT(run) u64 run(u32 n) {
    u32 (*const classes[4])(const shape_t *) = {square, rectangle, triangle, frame};
    rng_seed(7);
    for (u32 i = 0; i < COUNT; i++) {
        u32 r = rng();
        shapes[i].area = classes[r & 3];
        shapes[i].width = r >> 8 & 255;
        shapes[i].height = r >> 16 & 255;
    }
    u64 sum = 0;
    for (u32 round = 0; round < n; round++) {
        for (u32 i = 0; i < COUNT; i++) sum += shapes[i].area(&shapes[i]);
        shapes[round % COUNT].width++;
    }
    return sum;
}
