"""Typing rules of control instructions, one per row without a signature.

Spec: chapter 3.4.1, 3.4.2. A rule's name is `rule_` and the row's identifier.
"""

from __future__ import annotations

from ..isa import BY_NAME, Feature
from ..syntax.instructions import CastTarget, Catch, CatchKind, Instr
from ..syntax.types import EXNREF, FUNCREF, AbsHeapType, FuncType, NumType, RefType, ValType
from .context import Body
from .match import match_reftype, match_results, top_of
from .stack import describe

_IF, _ELSE = BY_NAME["if"], BY_NAME["else"]
_EXN_NOT_NULL = RefType(False, AbsHeapType.EXN)


def rule_unreachable(body: Body, instr: Instr) -> None:
    """unreachable: [t1*] -> [t2*]."""
    body.set_unreachable()


# Blocks


def rule_block(body: Body, instr: Instr) -> None:
    """block bt: as bt."""
    functype = body.blocktype(instr[1])
    body.pop_types(functype.params)
    body.push_frame(instr[0], functype.params, functype.results)


def rule_loop(body: Body, instr: Instr) -> None:
    """loop bt: as bt; its label takes the parameters."""
    functype = body.blocktype(instr[1])
    body.pop_types(functype.params)
    body.push_frame(instr[0], functype.params, functype.results, is_loop=True)


def rule_if(body: Body, instr: Instr) -> None:
    """if bt: [t1* i32] -> [t2*]."""
    functype = body.blocktype(instr[1])
    body.pop(NumType.I32)
    body.pop_types(functype.params)
    body.push_frame(instr[0], functype.params, functype.results)


def rule_else(body: Body, instr: Instr) -> None:
    """Close the first branch of an if and open the second."""
    if body.frames[-1].op is not _IF:
        body.fail("END opcode expected")
    frame = body.pop_frame()
    body.push_frame(_ELSE, frame.params, frame.results)


def rule_end(body: Body, instr: Instr) -> None:
    """Close a block."""
    frame = body.pop_frame()
    if frame.op is _IF and not match_results(frame.params, frame.results):
        want, got = describe(frame.results), describe(frame.params)
        body.fail(f"type mismatch: if without else requires {want} but stack has {got}")
    body.push_types(frame.results)


def rule_try_table(body: Body, instr: Instr) -> None:
    """try_table bt catch*: as bt; each clause must fit its label."""
    functype = body.blocktype(instr[1])
    body.pop_types(functype.params)
    for catch in instr[2]:
        _check_catch(body, catch)
    body.push_frame(instr[0], functype.params, functype.results)


def _check_catch(body: Body, catch: Catch) -> None:
    types: tuple[ValType, ...] = () if catch.tagidx is None else body.tag(catch.tagidx).params
    if catch.kind in (CatchKind.CATCH_REF, CatchKind.CATCH_ALL_REF):
        types = (*types, _EXN_NOT_NULL)
    label = body.label(catch.labelidx)
    if not match_results(types, label):
        body.fail(f"type mismatch: label requires {describe(label)} but catch clause has {describe(types)}")


# Branches


def rule_br(body: Body, instr: Instr) -> None:
    """br l: [t1* t*] -> [t2*]."""
    body.pop_types(body.label(instr[1]))
    body.set_unreachable()


def rule_br_if(body: Body, instr: Instr) -> None:
    """br_if l: [t* i32] -> [t*]."""
    body.pop(NumType.I32)
    types = body.label(instr[1])
    if types:
        body.pop_types(types)
        body.push_types(types)


def rule_br_table(body: Body, instr: Instr) -> None:
    """br_table l* l: [t1* t* i32] -> [t2*]."""
    _, labels, default = instr
    body.pop(NumType.I32)
    wanted = body.label(default)
    # fast: tables of a thousand entries have few distinct labels.
    for labelidx in dict.fromkeys(labels):
        types = body.label(labelidx)
        if len(types) != len(wanted):
            body.fail(
                f"type mismatch: label {labelidx} requires {describe(types)}, the default {describe(wanted)}"
            )
        body.peek_types(types)
    body.pop_types(wanted)
    body.set_unreachable()


def rule_return(body: Body, instr: Instr) -> None:
    """return: [t1* t*] -> [t2*]."""
    body.pop_types(body.frames[0].results)
    body.set_unreachable()


def rule_br_on_null(body: Body, instr: Instr) -> None:
    """br_on_null l: [t* (ref null ht)] -> [t* (ref ht)]."""
    reftype = body.pop_ref()
    types = body.label(instr[1])
    body.pop_types(types)
    body.push_types(types)
    body.push(RefType(False, reftype.heaptype))


def rule_br_on_non_null(body: Body, instr: Instr) -> None:
    """br_on_non_null l: [t* (ref null ht)] -> [t*], where l takes [t* (ref ht)]."""
    types, last = _label_with_ref(body, instr[1])
    body.pop(RefType(True, last.heaptype))
    body.pop_types(types)
    body.push_types(types)


def _label_with_ref(body: Body, labelidx: int) -> tuple[tuple[ValType, ...], RefType]:
    """Return the types of a label, the last of which must be a reference, without and with it."""
    types = body.label(labelidx)
    last = types[-1] if types else None
    if not isinstance(last, RefType):
        body.fail(f"type mismatch: label must take a reference last, not {describe(types)}")
    return types[:-1], last


def check_cast(body: Body, target: CastTarget) -> tuple[RefType, RefType, RefType]:
    """Return the operand's type, the cast's target, and what the operand is if the cast fails."""
    source, wanted = body.reftype(target.source), body.reftype(target.target)
    # why: the proposal custom-descriptors lets a cast go anywhere within a hierarchy.
    if Feature.CUSTOM_DESCRIPTORS in body.features:
        is_possible = top_of(wanted.heaptype) is top_of(source.heaptype)
    else:
        is_possible = match_reftype(wanted, source)
    if not is_possible:
        body.fail(f"type mismatch: {wanted} does not match {source}")
    return source, wanted, RefType(source.nullable and not wanted.nullable, source.heaptype)


def branch_with(body: Body, labelidx: int, source: RefType, taken: RefType, kept: RefType) -> None:
    """Pop a `source`, branch with a `taken` or go on with a `kept`."""
    types, last = _label_with_ref(body, labelidx)
    if not match_reftype(taken, last):
        body.fail(f"type mismatch: label requires {last} but the branch has {taken}")
    body.pop(source)
    body.pop_types(types)
    body.push_types(types)
    body.push(kept)


def rule_br_on_cast(body: Body, instr: Instr) -> None:
    """br_on_cast l rt1 rt2: [t* rt1] -> [t* rt1-rt2], where l takes [t* rt2]."""
    source, wanted, rest = check_cast(body, instr[1])
    branch_with(body, instr[1].labelidx, source, wanted, rest)


def rule_br_on_cast_fail(body: Body, instr: Instr) -> None:
    """br_on_cast_fail l rt1 rt2: [t* rt1] -> [t* rt2], where l takes [t* rt1-rt2]."""
    source, wanted, rest = check_cast(body, instr[1])
    branch_with(body, instr[1].labelidx, source, rest, wanted)


# Calls


def _call(body: Body, functype: FuncType) -> None:
    body.pop_types(functype.params)
    body.push_types(functype.results)


def _return_call(body: Body, functype: FuncType) -> None:
    results = body.frames[0].results
    if not match_results(functype.results, results):
        got = describe(functype.results)
        body.fail(f"type mismatch: function requires results {describe(results)} but callee returns {got}")
    body.pop_types(functype.params)
    body.set_unreachable()


def _indirect_type(body: Body, instr: Instr) -> FuncType:
    _, typeidx, tableidx = instr
    table = body.table(tableidx)
    functype = body.functype(typeidx)
    if not match_reftype(table.reftype, FUNCREF):
        body.fail(f"type mismatch: instruction requires table of function type but table has {table.reftype}")
    body.pop(table.addrtype)
    return functype


def _ref_type(body: Body, typeidx: int) -> FuncType:
    functype = body.functype(typeidx)
    body.pop(RefType(True, body.deftype(typeidx)))
    return functype


def rule_call(body: Body, instr: Instr) -> None:
    """call x: as the function."""
    _call(body, body.checked.functype(body.func(instr[1])))


def rule_call_indirect(body: Body, instr: Instr) -> None:
    """call_indirect x y: [t1* at] -> [t2*]."""
    _call(body, _indirect_type(body, instr))


def rule_call_ref(body: Body, instr: Instr) -> None:
    """call_ref x: [t1* (ref null x)] -> [t2*]."""
    _call(body, _ref_type(body, instr[1]))


def rule_return_call(body: Body, instr: Instr) -> None:
    """return_call x: like call, with the results of the caller."""
    _return_call(body, body.checked.functype(body.func(instr[1])))


def rule_return_call_indirect(body: Body, instr: Instr) -> None:
    """return_call_indirect x y: like call_indirect, with the results of the caller."""
    _return_call(body, _indirect_type(body, instr))


def rule_return_call_ref(body: Body, instr: Instr) -> None:
    """return_call_ref x: like call_ref, with the results of the caller."""
    _return_call(body, _ref_type(body, instr[1]))


# Exceptions


def rule_throw(body: Body, instr: Instr) -> None:
    """throw x: [t1* t*] -> [t2*], t* the tag's parameters."""
    body.pop_types(body.tag(instr[1]).params)
    body.set_unreachable()


def rule_throw_ref(body: Body, instr: Instr) -> None:
    """throw_ref: [t1* exnref] -> [t2*]."""
    body.pop(EXNREF)
    body.set_unreachable()
