/* Backtracking over text: matches four patterns (literals, '.', '*', '+', '^', '$', classes) n times. */
#include "kernel.h"

static const char *const patterns[4] = {"^/api/v[0-9]+/.*s$", "[a-f]+[0-9]*x", "user.*=.*admin", "a*a*a*b"};
static const char *const texts[6] = {
    "/api/v12/users/123/orders", "/index.html?user=guest&role=admin", "deadbeef00x", "aaaaaaaaaaaac",
    "/api/v/none", "a quick brown fox jumps over the lazy dog, user 7 = admin"};

static int match_here(const char *p, const char *t);

static const char *item_end(const char *p) {
    if (*p != '[') return p + 1;
    while (*p != ']') p++;
    return p + 1;
}

static int match_one(const char *p, char c) {
    if (!c) return 0;
    if (*p == '.') return 1;
    if (*p != '[') return *p == c;
    for (p++; *p != ']'; p++) {
        if (p[1] == '-' && p[2] != ']') {
            if (c >= p[0] && c <= p[2]) return 1;
            p += 2;
        } else if (*p == c) {
            return 1;
        }
    }
    return 0;
}

static int match_repeat(const char *p, const char *rest, const char *t, int least) {
    const char *start = t;
    while (match_one(p, *t)) t++;
    for (; t - start >= least; t--)
        if (match_here(rest, t)) return 1;
    return 0;
}

static int match_here(const char *p, const char *t) {
    if (!*p) return 1;
    if (*p == '$' && !p[1]) return !*t;
    const char *end = item_end(p);
    if (*end == '*') return match_repeat(p, end + 1, t, 0);
    if (*end == '+') return match_repeat(p, end + 1, t, 1);
    return match_one(p, *t) && match_here(end, t + 1);
}

static int search(const char *p, const char *t) {
    if (*p == '^') return match_here(p + 1, t);
    do
        if (match_here(p, t)) return 1;
    while (*t++);
    return 0;
}

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    for (u32 round = 0; round < n; round++)
        for (u32 i = 0; i < 4; i++)
            for (u32 j = 0; j < 6; j++) sum = mix(sum, (u64)search(patterns[i], texts[(j + round) % 6]));
    return sum;
}
