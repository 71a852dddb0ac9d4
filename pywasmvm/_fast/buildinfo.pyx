# cython: language_level=3
"""How the compiled engine was built: by which compiler, and how one word's handler gets to the next."""

cdef extern from *:
    """
    #if defined(__clang__)
    #define PYWASMVM_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define PYWASMVM_COMPILER "gcc " __VERSION__
    #else
    #define PYWASMVM_COMPILER "another compiler"
    #endif
    #if PYWASMVM_RETURNING
    #define PYWASMVM_DISPATCH "handlers that return to a loop"
    #else
    #define PYWASMVM_DISPATCH "handlers that jump"
    #endif
    """
    const char* PYWASMVM_COMPILER
    const char* PYWASMVM_DISPATCH


def how_built() -> str:
    """Return the compiler and the kind of dispatch."""
    return f"{PYWASMVM_COMPILER.decode().strip()}, {PYWASMVM_DISPATCH.decode()}"
