"""Decides, before a function is translated, how each of its blocks becomes Python.

CPython allows 20 statically nested loops and tries and 100 levels of indentation; wasm from Go nests
hundreds of blocks.
  structured  loop -> `while True`; a block that is branched to -> `while True` left with `break`; if -> `if`
  guard       a block left only by br_if in its own body -> the rest of the body goes under `if not ...`
  flat        the block's parts become chunks of a dispatcher (writer.Region)
Rule 1: what lies around a flat block is flat, up to the region's root: the function or a loop marked `root`.
Rule 2: a br_table with many labels makes flat what lies between it and its region's root.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ...isa import BY_NAME
from ...isa.model import Op
from ...syntax.instructions import Instr
from ..fuel import label_depths
from .pace import in_steps, no_hurry

__all__ = ["Node", "Plan", "make_plan"]

MOST_LOOPS = 15
MOST_INDENT = 55
MOST_GUARDS = 6
# How many blocks a branch may leave and still become a guard.
MOST_GUARDED_DEPTH = 64
REGION_INDENT = 12
SWITCH_LABELS = 4

_OPENERS: dict[Op, str] = {BY_NAME["block"]: "block", BY_NAME["loop"]: "loop", BY_NAME["if"]: "if"}
_OPENERS[BY_NAME["try_table"]] = "try"
_END, _ELSE = BY_NAME["end"], BY_NAME["else"]
_BR, _BR_IF, _BR_TABLE = BY_NAME["br"], BY_NAME["br_if"], BY_NAME["br_table"]
_BRANCHES = frozenset(op for op in BY_NAME.values() if op.name.startswith("br"))
_ASSIGNING = (BY_NAME["local.set"], BY_NAME["local.tee"])
_TRY = BY_NAME["try_table"]


class Node:
    """One block, loop, if or try_table, or the function itself (start -1).

    start, otherwise, end   positions of its opening, its else (-1: none) and its end.
    targeted  some branch names its label.
    flat, root, guard       how it is written, see the module.
    assigned  how often each local is assigned in it, by what is written; inner blocks included.
    guards    number of br_if that would open an `if not`; -1: not eligible.
    """

    __slots__ = (
        "assigned",
        "end",
        "flat",
        "guard",
        "guards",
        "indent",
        "kind",
        "loops",
        "otherwise",
        "parent",
        "root",
        "start",
        "switch",
        "targeted",
        "via",
    )

    def __init__(self, start: int, kind: str, parent: Node | None) -> None:
        self.start = start
        self.kind = kind
        self.parent = parent
        self.otherwise = -1
        self.end = -1
        self.targeted = False
        self.flat = False
        self.root = False
        self.guard = False
        self.guards = 0 if kind == "block" else -1
        self.via: list[Node] = []
        self.assigned: Counter[int] = Counter()
        self.loops = 0
        self.indent = 0
        self.switch = False


class Plan:
    """The nodes by opening position, and where falling out of each position leads."""

    __slots__ = ("function", "has_flat_try", "has_loop", "has_try", "instrs", "nodes")

    def __init__(
        self, instrs: Sequence[Instr], function: Node, nodes: dict[int, Node], has_flat_try: bool
    ) -> None:
        self.instrs = instrs
        self.function = function
        self.nodes = nodes
        self.has_flat_try = has_flat_try
        self.has_try = any(node.kind == "try" for node in nodes.values())
        self.has_loop = any(node.kind == "loop" and node.targeted for node in nodes.values())

    def landing(self, node: Node) -> int:
        """Return the position that runs next after `node` has ended: the first that is no `end`."""
        instrs, pos, outer = self.instrs, node.end + 1, node.parent
        while outer is not None and pos < len(instrs):
            op = instrs[pos][0]
            if op is not _END and op is not _ELSE:
                break
            if outer.kind == "func":
                break
            pos = outer.end + 1
            outer = outer.parent
        return pos


def _note_branch(instr: Instr, opened: list[Node]) -> None:
    """Record what one branching instruction says about the nodes it names."""
    op = instr[0]
    depths = label_depths(instr)
    for depth in depths:
        target = opened[-1 - depth]
        target.targeted = True
        # why: nothing so far out becomes a guard, and looking at every block between would be quadratic
        if depth <= MOST_GUARDED_DEPTH and (target.guards >= 0 and op is _BR_IF or op is _BR):
            inner = opened[len(opened) - depth :] if depth else []
            if all(node.kind == "block" for node in inner):
                target.via.extend(inner)
                target.guards += target.guards >= 0
                continue
        target.guards = -1
    if op is _BR_TABLE and len(depths) >= SWITCH_LABELS:
        _mark_switch(opened, max(depths))


def _mark_switch(opened: list[Node], deepest: int) -> None:
    """Make flat the nodes from a br_table out to the loop that drives it, or to its outermost target."""
    first = len(opened) - 1 - deepest
    while first > 0 and opened[first].kind != "loop":
        first -= 1
    for node in opened[first:]:
        node.flat = node.switch = True
    opened[first].root = True


def _scan(instrs: Sequence[Instr], tick: Callable[[], None]) -> tuple[Node, list[Node]]:
    function = Node(-1, "func", None)
    function.targeted = True
    opened, nodes = [function], [function]
    for pos, instr in enumerate(in_steps(instrs, tick)):
        op = instr[0]
        if op is _TRY:
            _note_branch(instr, opened)
        elif op in _BRANCHES:
            _note_branch(instr, opened)
            continue
        kind = _OPENERS.get(op)
        if kind is not None:
            node = Node(pos, kind, opened[-1])
            opened.append(node)
            nodes.append(node)
        elif op is _END:
            node = opened.pop()
            node.end = pos
            if opened:
                opened[-1].assigned += node.assigned
        elif op is _ELSE:
            opened[-1].otherwise = pos
        elif op in _ASSIGNING:
            opened[-1].assigned[instr[1]] += 1
    return function, nodes


def _measure(nodes: list[Node]) -> None:
    """Set `loops` and `indent`, innermost first, and make flat what is too deep."""
    for node in reversed(nodes):
        if node.guards >= 0:
            node.guard = 0 < node.guards <= MOST_GUARDS and not any(inner.targeted for inner in node.via)
        if node.flat:
            if node.root:
                node.loops += 1
                node.indent += REGION_INDENT
        else:
            node.loops += (node.targeted and not node.guard) + 2 * (node.kind == "try")
            node.indent += (node.targeted and not node.guard) + node.guards * node.guard
            node.indent += (node.kind == "if") + 2 * (node.kind == "try")
        parent = node.parent
        if parent is None:
            continue
        if node.loops > MOST_LOOPS or node.indent > MOST_INDENT:
            node.flat, node.root = True, False
            node.loops = node.indent = 0
        if node.flat and not node.root:
            parent.flat = True
        parent.loops = max(parent.loops, node.loops)
        parent.indent = max(parent.indent, node.indent)


def _settle(nodes: list[Node]) -> bool:
    """Close `flat` upwards to the roots and return whether a try_table is flat.

    why: a flat try_table needs its handler around the dispatcher, and a dispatcher that ends by falling out
    of it would have to leave two Python blocks; so then everything up to the function is one region.
    """
    has_flat_try = any(node.flat and node.kind == "try" for node in nodes)
    for node in reversed(nodes):
        if has_flat_try:
            node.root = False
        if node.flat:
            node.guard = False
            if node.parent is not None and not node.root:
                node.parent.flat = True
    function = nodes[0]
    if function.flat:
        function.root = True
    return has_flat_try


def make_plan(instrs: Sequence[Instr], flat: bool = False, tick: Callable[[], None] = no_hurry) -> Plan:
    """Return the plan of a validated body, its final `end` included. `flat`: make everything flat."""
    function, nodes = _scan(instrs, tick)
    if flat:
        for node in nodes:
            node.flat, node.root = True, False
    tick()
    _measure(nodes)
    tick()
    has_flat_try = _settle(nodes)
    return Plan(instrs, function, {node.start: node for node in nodes}, has_flat_try)
