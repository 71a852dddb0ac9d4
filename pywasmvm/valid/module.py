"""Validation of a whole module.

Spec: chapter 3.5. Index spaces are filled in the order in which later parts may refer to them.
Rule 1: a ValidationError is reported only if no body is malformed, so a malformed module is never called
        invalid.
"""

from __future__ import annotations

from ..binary import FuncItems, LazyExpr, Progress, Ticker, prove_bodies
from ..binary.lazy import is_closed, uses_data
from ..binary.places import located, place_in_func
from ..config import Features, Limits
from ..errors import LimitError, ModuleError, ValidationError
from ..syntax.instructions import Expr, Instr
from ..syntax.module import Func, Module
from ..syntax.types import FuncType
from .body import BodyValidator
from .checked import CheckedModule
from .definitions import Definitions
from .match import is_defaultable

__all__ = ["validate_module"]

OPERAND_BYTES = 8


def validate_module(
    module: Module,
    features: Features | None = None,
    limits: Limits | None = None,
    *,
    bodies: bool = True,
    progress: Progress | None = None,
) -> CheckedModule:
    """Validate a module and store the result in `module.checked`.

    Without `bodies` those of functions are not looked at: only for who knows that they have been found valid.
    Raise ValidationError if it is invalid, DecodeError if a body nobody has looked at yet is malformed,
    LimitError if it is larger than `limits` allows.
    """
    features, limits = features or Features(), limits or Limits()
    definitions = Definitions(module, features, limits)
    try:
        definitions.validate()
        if bodies:
            _Bodies(definitions.checked, features, limits).validate(progress)
    except (ValidationError, LimitError) as error:
        if isinstance(error, ValidationError):
            prove_bodies(module, limits)
        raise located(error, definitions.place()) from None
    module.checked = definitions.checked
    return definitions.checked


class _Bodies:
    """The function bodies of a module, decoded, validated and dropped one by one."""

    def __init__(self, checked: CheckedModule, features: Features, limits: Limits) -> None:
        self._checked = checked
        self._features = features
        self._limits = limits

    def validate(self, progress: Progress | None) -> None:
        """Validate all bodies."""
        funcs = self._checked.module.funcs
        if isinstance(funcs, FuncItems):
            self._validate_in_bulk(funcs, progress)
            return
        ticker = Ticker(progress, sum(func.size for func in funcs), "validating")
        done = 0
        for index, func in enumerate(funcs):
            self._validate_func(index, func)
            done += func.size
            ticker.tick(done)
        ticker.finish()

    def _validate_in_bulk(self, funcs: FuncItems, progress: Progress | None) -> None:
        """Validate bodies with a compiled checker; those it refuses pass or fail by the rules here."""
        checker = funcs.checker(self._checked, self._limits.value_stack_bytes // OPERAND_BYTES)
        ticker = Ticker(progress, len(funcs), "validating")
        index = 0
        while index < len(funcs):
            index, is_refused = checker.accepted(index)
            if is_refused:
                self._validate_func(index, funcs[index])
                index += 1
            ticker.tick(index)
        ticker.finish()

    def _validate_func(self, index: int, func: Func) -> None:
        validator = BodyValidator(self._checked, self._features)
        validator.most_operands = self._limits.value_stack_bytes // OPERAND_BYTES
        try:
            self._type(validator, func)
        except (ModuleError, LimitError) as error:
            raise self._locate(error, index, func, validator) from None

    def _type(self, validator: BodyValidator, func: Func) -> None:
        functype = self._checked.functype(self._checked.types[func.typeidx])
        self._check_local_count(functype, func)
        instrs = self._instrs(func.body)
        validator.local_types += functype.params
        for count, valtype in func.locals:
            closed = validator.valtype(valtype)
            if count and not is_defaultable(closed):
                first = len(validator.local_types)
                validator.unset.update(range(first, first + count))
            validator.local_types += [closed] * count
        validator.validate_func(functype, instrs)

    def _check_local_count(self, functype: FuncType, func: Func) -> None:
        count = len(functype.params) + sum(n for n, _ in func.locals)
        if self._limits.locals is not None and count > self._limits.locals:
            raise LimitError(f"locals of a function: {count} is over the limit of {self._limits.locals}")

    def _instrs(self, body: Expr) -> list[Instr]:
        """Return the instructions of a body, proven to be well-formed."""
        if not isinstance(body, LazyExpr):
            instrs = body.instrs()
            if not is_closed(instrs, None):
                raise ValidationError("END opcode expected")
            if not is_closed(instrs, self._limits.nesting):
                raise LimitError(f"nesting of blocks: over the limit of {self._limits.nesting}")
            return instrs
        if body.is_proven:
            return body.instrs()
        instrs = body.prove(self._limits.nesting)
        module = self._checked.module
        if module.data_count is None and uses_data(body, instrs):
            body.is_proven = False
            prove_bodies(module, self._limits)
        return instrs

    def _locate(
        self, error: ModuleError | LimitError, index: int, func: Func, validator: BodyValidator
    ) -> ModuleError | LimitError:
        """Return the error with function, instruction and offset."""
        if error.where:
            return error
        module = self._checked.module
        if not isinstance(error, ValidationError) or validator.index < 0:
            place = place_in_func(module, index, func.body, error.offset)
            return located(error, place)
        place = place_in_func(module, index, None, None)
        offset = func.body.offset_of(validator.index)
        return ValidationError(error.message, offset=offset, where=f"{place}, instruction {validator.index}")
