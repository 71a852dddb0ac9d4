/* Recursive calls: fib(n). The work grows with phi^n, so n is the argument itself. */
#include "kernel.h"

NOINLINE static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

EXPORT(run) u64 run(u32 n) { return fib(n); }
