# cython: language_level=3
"""The clock of the machine, which can be read without the GIL. It is the one of `time.monotonic` where there is POSIX."""

from .machine cimport i64

cdef extern from *:
    """
    #ifdef _WIN32
    #include <windows.h>
    static long long pywasmvm_now(void) {
        LARGE_INTEGER count, rate;
        QueryPerformanceCounter(&count);
        QueryPerformanceFrequency(&rate);
        return (long long)((double)count.QuadPart / (double)rate.QuadPart * 1e9);
    }
    #else
    #include <time.h>
    static long long pywasmvm_now(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    #endif
    """
    i64 now_ns "pywasmvm_now"() noexcept nogil
