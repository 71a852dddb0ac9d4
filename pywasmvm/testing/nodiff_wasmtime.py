"""The reference side of a no-diff run: the wasmtime package, with all of WebAssembly 3.0 on.

Values cross as bits through the package's C types, since its own conversion knows neither vectors nor
collected references and turns floats into Python floats.
Rule 1: NaNs are canonical and relaxed SIMD is deterministic, as in our engines.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InternalError, UsageError
from ..isa.model import TrapKind
from ..syntax.types import AbsHeapType, FuncType, HeapType, NumType, ValType
from ..valid.match import top_of
from .nodiff_outcome import End, Outcome
from .nodiff_recipes import Recipe
from .nodiff_sides import DEPTH, LIMITS, SHOWN_ELEMENTS, STACK_BYTES

try:
    import wasmtime
    from wasmtime import _ffi as ffi
    from wasmtime._func import enter_wasm
except ImportError:
    raise UsageError("a no-diff run needs wasmtime: pip install 'pywasmvm[test]'") from None

__all__ = ["WasmtimeSide"]

_ANYREF, _EXNREF = 7, 8  # kinds of values that the package has no name for

_FUNCREF, _EXTERNREF = ffi.WASMTIME_FUNCREF.value, ffi.WASMTIME_EXTERNREF.value
# number type -> kind of value, bytes
_NUMBERS: dict[NumType, tuple[int, int]] = {
    NumType.I32: (ffi.WASMTIME_I32.value, 4),
    NumType.I64: (ffi.WASMTIME_I64.value, 8),
    NumType.F32: (ffi.WASMTIME_F32.value, 4),
    NumType.F64: (ffi.WASMTIME_F64.value, 8),
    NumType.V128: (ffi.WASMTIME_V128.value, 16),
}
_WIDTHS = dict(_NUMBERS.values())
# kind of value -> member of the C union, what stands for it
_REFERENCES = {
    _FUNCREF: ("funcref", "func"),
    _EXTERNREF: ("externref", "extern"),
    _ANYREF: ("anyref", ""),
    _EXNREF: ("exnref", "exn"),
}
_TOPS: dict[object, int] = {
    AbsHeapType.FUNC: _FUNCREF,
    AbsHeapType.EXTERN: _EXTERNREF,
    AbsHeapType.ANY: _ANYREF,
    AbsHeapType.EXN: _EXNREF,
}

_ON = (
    "wasm_exceptions",
    "wasm_function_references",
    "wasm_gc",
    "wasm_memory64",
    "wasm_multi_memory",
    "wasm_relaxed_simd",
    "wasm_relaxed_simd_deterministic",
    "wasm_tail_call",
    "cranelift_nan_canonicalization",
    "consume_fuel",
)

_CODE = wasmtime.TrapCode
_TRAPS: dict[Any, str] = {
    _CODE.MEMORY_OUT_OF_BOUNDS: "MEMORY_OUT_OF_BOUNDS",
    _CODE.HEAP_MISALIGNED: "UNALIGNED_ATOMIC",
    _CODE.TABLE_OUT_OF_BOUNDS: "TABLE_OUT_OF_BOUNDS UNDEFINED_ELEMENT",
    _CODE.INDIRECT_CALL_TO_NULL: "UNINITIALIZED_ELEMENT",
    _CODE.BAD_SIGNATURE: "INDIRECT_CALL_TYPE_MISMATCH",
    _CODE.INTEGER_OVERFLOW: "INTEGER_OVERFLOW",
    _CODE.INTEGER_DIVISION_BY_ZERO: "DIVIDE_BY_ZERO",
    _CODE.BAD_CONVERSION_TO_INTEGER: "INVALID_CONVERSION",
    _CODE.UNREACHABLE: "UNREACHABLE",
    _CODE.NULL_REFERENCE: (
        "NULL_REFERENCE NULL_FUNCTION_REFERENCE NULL_STRUCTURE_REFERENCE NULL_ARRAY_REFERENCE "
        "NULL_I31_REFERENCE NULL_EXCEPTION_REFERENCE"
    ),
    _CODE.ARRAY_OUT_OF_BOUNDS: "ARRAY_OUT_OF_BOUNDS",
    _CODE.CAST_FAILURE: "CAST_FAILURE",
    _CODE.ATOMIC_WAIT_NON_SHARED_MEMORY: "EXPECTED_SHARED_MEMORY",
}
_KINDS = {code: frozenset(TrapKind[name] for name in names.split()) for code, names in _TRAPS.items()}
_ENDS: dict[Any, End] = {
    _CODE.OUT_OF_FUEL: End.OUT_OF_FUEL,
    _CODE.STACK_OVERFLOW: End.STACK,
    _CODE.ALLOCATION_TOO_LARGE: End.LIMIT,
}
# Words in errors that are no traps.
_WORDS: tuple[tuple[str, End], ...] = (
    ("incompatible import type", End.UNLINKABLE),
    ("unknown import", End.UNLINKABLE),
    ("exceeds", End.LIMIT),
    ("out of memory", End.LIMIT),
    ("resource limit", End.LIMIT),
)


class WasmtimeSide:
    """The reference."""

    def __init__(self, recipe: Recipe) -> None:
        config = wasmtime.Config()
        for name in (*_ON, *recipe.proposals):
            setattr(config, name, True)
        ffi.wasmtime_config_async_stack_size_set(config.ptr(), STACK_BYTES + 1)  # bounds the next one
        config.max_wasm_stack = STACK_BYTES
        config.parallel_compilation = False
        config.cranelift_opt_level = "none"  # why: half the time to compile, and the same results
        self.name = "wasmtime"
        self.engine = wasmtime.Engine(config)
        self.modules: list[tuple[wasmtime.Module, int]] = []
        self.store: Any = None
        self.exports: list[list[Any]] = []

    def load(self, wasm: bytes, n_imports: int) -> Outcome:
        """Compile a module with that many imports."""
        try:
            self.modules.append((wasmtime.Module(self.engine, wasm), n_imports))
        except wasmtime.WasmtimeError as error:
            return Outcome(End.REFUSED, text=str(error))
        return Outcome(End.RETURNED)

    def instantiate(self, tank: int) -> Outcome:
        """Instantiate the stub and the module in a fresh store."""
        self.store = store = wasmtime.Store(self.engine)
        store.set_limits(**LIMITS)
        self.exports = []

        def run() -> tuple[Any, ...]:
            offered: list[Any] = []
            for module, n_imports in self.modules:
                instance = wasmtime.Instance(store, module, offered[:n_imports])
                offered = list(instance.exports(store).by_index)
                self.exports.append(offered)
            return ()

        return self._metered(run, tank)

    def call(self, position: int, functype: FuncType, args: Sequence[Any], tank: int) -> Outcome:
        """Call the export at a position of the last module; `functype` is its type."""
        func, context = self.exports[-1][position], self.store._context()
        n_results = len(functype.results)
        given, results = (ffi.wasmtime_val_t * len(args))(), (ffi.wasmtime_val_t * n_results)()
        for slot, arg, valtype in zip(given, args, functype.params, strict=True):
            self._fill(slot, arg, valtype)

        def run() -> tuple[Any, ...]:
            with enter_wasm(self.store) as trap:
                error = ffi.wasmtime_func_call(
                    context, ctypes.byref(func._func), given, len(args), results, n_results, trap
                )
                if error:
                    raise wasmtime.WasmtimeError._from_ptr(error)
            return tuple(self._plain(slot) for slot in results)

        outcome = self._metered(run, tank)
        for slot in given:
            ffi.wasmtime_val_unroot(ctypes.byref(slot))
        return outcome

    def state(self) -> dict[str, Any]:
        """Return what can be seen of all exports, by module and position."""
        found = {}
        for number, items in enumerate(self.exports):
            for position, item in enumerate(items):
                found[f"{'stub' if number == 0 else 'module'} export {position}"] = self._seen(item)
        return found

    def reset(self) -> None:
        """Forget the modules and the store."""
        self.modules, self.exports, self.store = [], [], None

    def _metered(self, run: Callable[[], tuple[Any, ...]], tank: int) -> Outcome:
        self.store.set_fuel(tank)
        end, values, kinds, text = self._guard(run)
        return Outcome(end, values, kinds, tank - self.store.get_fuel(), text)

    def _guard(
        self, run: Callable[[], tuple[Any, ...]]
    ) -> tuple[End, tuple[Any, ...], frozenset[TrapKind], str]:
        try:
            return End.RETURNED, run(), frozenset(), ""
        except wasmtime.Trap as trap:
            code, text = trap.trap_code, trap.message.rpartition("\n")[2].strip()
        except wasmtime.WasmtimeError as error:
            text = str(error)
            thrown = self._take_exception()
            if thrown is not None:  # out of a start function
                return End.THROWN, thrown, frozenset(), ""
            end = next((end for word, end in _WORDS if word in text), End.BROKEN)
            return end, (), frozenset(), text
        thrown = self._take_exception()
        if thrown is not None:
            return End.THROWN, thrown, frozenset(), ""
        return _ENDS.get(code, End.TRAPPED), (), _KINDS.get(code, frozenset()), text

    def _take_exception(self) -> tuple[Any, ...] | None:
        """Return the values of the exception that ended the last run, None if none did."""
        context, slot, exnref = self.store._context(), ffi.wasmtime_val_t(), ffi.wasmtime_exnref_t()
        if not ffi.wasmtime_context_take_exception(context, ctypes.byref(exnref)):
            return None
        values = []
        for position in range(ffi.wasmtime_exnref_field_count(context, ctypes.byref(exnref))):
            ffi.wasmtime_exnref_field(context, ctypes.byref(exnref), position, ctypes.byref(slot))
            values.append(self._plain(slot))
        ffi.wasmtime_exnref_unroot(ctypes.byref(exnref))
        return tuple(values)

    def _fill(self, slot: Any, arg: Any, valtype: ValType) -> None:
        """Put an argument, given as plain data, into a value of the C interface."""
        if isinstance(valtype, NumType):
            kind, width = _NUMBERS[valtype]
            slot.kind = kind
            ctypes.memmove(ctypes.byref(slot.of), arg.to_bytes(width, "little"), width)
            return
        slot.kind = _reference_kind(valtype.heaptype)
        if arg == "extern":
            ffi.wasmtime_externref_new(
                self.store._context(), None, _FINALIZER(0), ctypes.byref(slot.of.externref)
            )
        elif arg != "null":
            ffi.wasmtime_anyref_from_i31(self.store._context(), arg[1], ctypes.byref(slot.of.anyref))

    def _plain(self, slot: Any, depth: int = 0) -> Any:
        """Return a value of the C interface as plain data, and let go of it."""
        width = _WIDTHS.get(slot.kind)
        if width is not None:
            return int.from_bytes(ctypes.string_at(ctypes.addressof(slot.of), width), "little")
        field, what = _REFERENCES[slot.kind]
        if getattr(slot.of, field).store_id == 0:
            return "null"
        value = self._object(slot.of.anyref, depth) if slot.kind == _ANYREF else what
        ffi.wasmtime_val_unroot(ctypes.byref(slot))
        return value

    def _object(self, anyref: Any, depth: int) -> Any:
        context, ref, slot = self.store._context(), ctypes.byref(anyref), ffi.wasmtime_val_t()
        bits, struct, array = ctypes.c_uint32(), ffi.wasmtime_structref_t(), ffi.wasmtime_arrayref_t()
        if ffi.wasmtime_anyref_i31_get_u(context, ref, ctypes.byref(bits)):
            return ("i31", bits.value)
        found: list[Any] = []
        if ffi.wasmtime_anyref_as_struct(context, ref, ctypes.byref(struct)):
            position = 0
            while depth < DEPTH:
                error = ffi.wasmtime_structref_field(
                    context, ctypes.byref(struct), position, ctypes.byref(slot)
                )
                if error:  # behind the last field
                    ffi.wasmtime_error_delete(error)
                    break
                found.append(self._plain(slot, depth + 1))
                position += 1
            ffi.wasmtime_structref_unroot(ctypes.byref(struct))
            return ("struct", *found)
        if not ffi.wasmtime_anyref_as_array(context, ref, ctypes.byref(array)):
            return "host"
        ffi.wasmtime_arrayref_len(context, ctypes.byref(array), ctypes.byref(bits))
        for position in range(min(bits.value, SHOWN_ELEMENTS) if depth < DEPTH else 0):
            ffi.wasmtime_arrayref_get(context, ctypes.byref(array), position, ctypes.byref(slot))
            found.append(self._plain(slot, depth + 1))
        ffi.wasmtime_arrayref_unroot(ctypes.byref(array))
        return ("array", bits.value, *found)

    def _seen(self, item: Any) -> Any:
        context, slot = self.store._context(), ffi.wasmtime_val_t()
        if isinstance(item, wasmtime.Memory):
            return bytes(item.read(self.store)) if item.data_len(self.store) else b""
        if isinstance(item, wasmtime.Global):
            ffi.wasmtime_global_get(context, ctypes.byref(item._global), ctypes.byref(slot))
            return self._plain(slot)
        if not isinstance(item, wasmtime.Table):
            return None
        found = []
        for position in range(item.size(self.store)):
            ffi.wasmtime_table_get(context, ctypes.byref(item._table), position, ctypes.byref(slot))
            found.append(self._plain(slot))
        return tuple(found)


_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def _reference_kind(heaptype: HeapType) -> int:
    """Return the kind of value that holds references of a heap type."""
    kind = _TOPS.get(top_of(heaptype))
    if kind is None:
        raise InternalError(f"{heaptype} belongs to no known hierarchy")
    return kind
