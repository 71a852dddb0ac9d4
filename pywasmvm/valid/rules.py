"""Finds the rule of each row: `rule_` and the row's identifier, or the general one for rows with a signature.

Rule 1: rows without signature and rules are the same set; `MISSING` and `SURPLUS` are empty, which a test
        checks.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from ..isa import OPS, Op
from ..syntax.instructions import Instr
from . import rules_control, rules_desc, rules_ref, rules_state
from .context import Body
from .signatures import check_signature

__all__ = ["MISSING", "RULES", "SURPLUS"]

Rule = Callable[[Body, Instr], None]
PREFIX = "rule_"


def _collect(*modules: ModuleType) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for module in modules:
        found.update(
            (name[len(PREFIX) :], rule) for name, rule in vars(module).items() if name.startswith(PREFIX)
        )
    return found


_written = _collect(rules_control, rules_state, rules_ref, rules_desc)
_specials = {op.ident for op in OPS if op.params is None}
MISSING = sorted(_specials - set(_written))
SURPLUS = sorted(set(_written) - _specials)

RULES: dict[Op, Rule] = {op: _written.get(op.ident, check_signature) for op in OPS}
