"""Test scripts (`.wast`) as commands: the script language of the reference interpreter.

Rule 1: a module in a script stays source until somebody loads it, so a mistake in one costs one command.
Rule 2: commands come one by one; a command that cannot be read becomes a `Broken` one and the next is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..config import Features
from ..errors import DecodeError
from ..isa.model import Imm
from ..syntax.module import Module
from ..syntax.types import AbsHeapType, NumType
from ..text import ModuleParser
from ..text.keywords import EXTERN_WORDS, LANE_SHAPES
from ..text.lexer import Tokens
from ..text.literals import float_bits, int_bits
from .patterns import Either, HostRef, Nan, Null, Number, Pattern, RefPattern, Value, VectorPattern

__all__ = [
    "Action",
    "Assertion",
    "Broken",
    "Command",
    "DefineModule",
    "InstantiateModule",
    "ModuleSource",
    "Perform",
    "Refusal",
    "Register",
    "StartThread",
    "WaitThread",
    "parse_script",
]


@dataclass(frozen=True)
class ModuleSource:
    """A module as a script gives it: text in the script itself, quoted text, or bytes."""

    name: str | None
    form: str  # "text" | "quote" | "binary"
    data: bytes
    tokens: Tokens
    at: int  # index of the module's first field, for form "text"
    features: Features

    def parse(self) -> Module:
        """Parse the text (not for form "binary")."""
        if self.form == "quote":
            return ModuleParser(Tokens(self.data), self.features).text()
        parser = ModuleParser(self.tokens, self.features, self.at)
        return parser.fields(self.name)


@dataclass(frozen=True)
class Action:
    """Call or read an export of a module (None: the current one)."""

    module: str | None
    name: str
    args: tuple[Value, ...] | None  # None: read a global

    def __str__(self) -> str:
        at = f"${self.module} " if self.module else ""
        if self.args is None:
            return f"(get {at}{self.name!r})"
        return f"(invoke {at}{self.name!r} {' '.join(map(str, self.args))})"


@dataclass(frozen=True)
class Command:
    """Anything a script can say. `line` is where it begins."""

    line: int


@dataclass(frozen=True)
class Broken(Command):
    """A command that could not be read."""

    problem: str


@dataclass(frozen=True)
class DefineModule(Command):
    """A module; unless `only_define`, it is instantiated at once and becomes the current instance."""

    source: ModuleSource
    only_define: bool


@dataclass(frozen=True)
class InstantiateModule(Command):
    """Another instance of a module."""

    instance: str | None
    module: str | None


@dataclass(frozen=True)
class Register(Command):
    """Make an instance's exports importable under a name."""

    name: str
    instance: str | None


@dataclass(frozen=True)
class Perform(Command):
    """An action on its own."""

    action: Action


@dataclass(frozen=True)
class Assertion(Command):
    """An action with what must come of it: `kind` is return, trap, exhaustion or exception."""

    kind: str
    action: Action
    results: tuple[Pattern, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Refusal(Command):
    """A module that must be refused: malformed, invalid, both also _custom, unlinkable, or trap."""

    kind: str
    source: ModuleSource
    text: str


@dataclass(frozen=True)
class StartThread(Command):
    """Run commands in a thread of its own that shares some instances (proposal threads)."""

    name: str
    shared: tuple[str, ...]
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class WaitThread(Command):
    """Wait for a thread."""

    name: str


def parse_script(source: str | bytes, features: Features | None = None) -> Iterator[Command]:
    """Yield the commands of a script. Raise DecodeError only if the source is not UTF-8."""
    reader = _ScriptParser(Tokens(source), features or Features())
    return reader.commands()


_FIELD_WORDS = frozenset([*EXTERN_WORDS, "type", "rec", "import", "export", "start", "elem", "data"])
_NUMBERS: dict[str, tuple[NumType, Imm]] = {
    "i32.const": (NumType.I32, Imm.I32),
    "i64.const": (NumType.I64, Imm.I64),
    "f32.const": (NumType.F32, Imm.F32),
    "f64.const": (NumType.F64, Imm.F64),
}
_NANS = {"nan:canonical": False, "nan:arithmetic": True}
_REF_KINDS = {
    f"ref.{kind}": kind for kind in ("func", "extern", "any", "eq", "i31", "struct", "array", "exn", "host")
}


class _ScriptParser(ModuleParser):
    """Reads commands; what a module parser knows of types and numbers serves for values."""

    def commands(self) -> Iterator[Command]:
        line_of = self.tokens.line_numbers()
        if self.toks[self.pos] == "(" and self.toks[self.pos + 1] in _FIELD_WORDS:
            # A script may be the fields of a single module.
            source = ModuleSource(None, "text", b"", self.tokens, self.pos, self.features)
            yield DefineModule(line_of(self.pos), source, False)
            return
        while not self.at_end():
            start = self.pos
            line = line_of(start)
            try:
                self.skip_group()
            except DecodeError as error:
                yield Broken(line, str(error))
                return
            end, self.pos = self.pos, start
            try:
                command: Command = self.command(line)
                if self.pos != end:
                    self.unexpected()
            except DecodeError as error:
                command = Broken(line, str(error))
            self.pos = end
            yield command

    def command(self, line: int) -> Command:
        """Read one command."""
        word = self.toks[self.pos + 1]
        if word in ("invoke", "get"):
            return Perform(line, self.action())
        if word == "module":
            return self._module_command(line)
        self.expect("(")
        self.pos += 1
        if word == "register":
            command: Command = Register(line, self.name(), self.optional_id())
        elif word == "thread":
            command = self._thread(line)
        elif word == "wait":
            command = WaitThread(line, self.optional_id() or "")
        elif word.startswith("assert_"):
            command = self._assertion(line, word[len("assert_") :])
        else:
            self.unexpected(self.pos - 1)
        self.expect(")")
        return command

    def _thread(self, line: int) -> StartThread:
        name = self.optional_id() or ""
        shared = []
        while self.opens("shared"):
            self.expect("(")
            self.expect("module")
            shared.append(self.optional_id() or "")
            self.expect(")")
            self.expect(")")
        commands = []
        while self.toks[self.pos] == "(":
            commands.append(self.command(line))
        return StartThread(line, name, tuple(shared), tuple(commands))

    # -- modules

    def _module_command(self, line: int) -> Command:
        if self.toks[self.pos + 2] == "instance":
            self.pos += 3
            command = InstantiateModule(line, self.optional_id(), self.optional_id())
            self.expect(")")
            return command
        definition = self.toks[self.pos + 2] == "definition"
        return DefineModule(line, self.module_source(), definition)

    def module_source(self) -> ModuleSource:
        """Read `(module ...)` in any of its forms, without looking into text."""
        start = self.pos
        if not self.opens("module"):
            self.unexpected()
        self.accept("definition")
        name = self.optional_id()
        form = self.toks[self.pos]
        if form in ("binary", "quote"):
            self.pos += 1
            data = self.strings()
            self.expect(")")
            return ModuleSource(name, form, data, self.tokens, 0, self.features)
        at, self.pos = self.pos, start
        self.skip_group()
        return ModuleSource(name, "text", b"", self.tokens, at, self.features)

    # -- assertions

    def _assertion(self, line: int, kind: str) -> Command:
        if kind == "return":
            action = self.action()
            results = []
            while self.toks[self.pos] == "(":
                results.append(self.pattern())
            return Assertion(line, kind, action, tuple(results))
        if kind == "exception":
            return Assertion(line, kind, self.action())
        if kind in ("trap", "exhaustion") and not self.sees("module"):
            return Assertion(line, kind, self.action(), text=self._message())
        if kind in ("trap", "malformed", "invalid", "unlinkable", "malformed_custom", "invalid_custom"):
            return Refusal(line, kind, self.module_source(), self._message())
        self.unexpected(self.pos - 1)

    def _message(self) -> str:
        return self.string().decode("utf-8", "replace")

    def action(self) -> Action:
        """Read `(invoke ...)` or `(get ...)`."""
        self.expect("(")
        word = self.toks[self.pos]
        if word not in ("invoke", "get"):
            self.unexpected()
        self.pos += 1
        module, name = self.optional_id(), self.name()
        args: list[Value] | None = None
        if word == "invoke":
            args = []
            while self.toks[self.pos] == "(":
                args.append(self.value())
        self.expect(")")
        return Action(module, name, None if args is None else tuple(args))

    # -- values

    def value(self) -> Value:
        """Read an argument."""
        pattern = self.pattern()
        if not isinstance(pattern, (Number, Null, HostRef)):
            self.unexpected(self.pos - 1)
        return pattern

    def pattern(self) -> Pattern:
        """Read an expected result; every argument is one, too."""
        self.expect("(")
        word = self.toks[self.pos]
        self.pos += 1
        found: Pattern
        if word in _NUMBERS:
            t, imm = _NUMBERS[word]
            nan = _NANS.get(self.toks[self.pos])
            if nan is None or imm in (Imm.I32, Imm.I64):
                found = Number(t, self.constant(imm))
            else:
                self.pos += 1
                found = Nan(t, nan)
        elif word == "v128.const":
            found = self._vector()
        elif word == "ref.null":
            found = Null(None if self.toks[self.pos] == ")" else self._heaptype())
        elif word in _REF_KINDS:
            kind = _REF_KINDS[word]
            if kind in ("extern", "host") and self.at_natural():
                found = HostRef(self.natural((1 << 32) - 1, "i32"), kind == "host")
            elif kind == "host":
                self.unexpected()
            else:
                found = RefPattern(kind)
        elif word == "either":
            options = []
            while self.toks[self.pos] == "(":
                options.append(self.pattern())
            found = Either(tuple(options))
        else:
            self.unexpected(self.pos - 1)
        self.expect(")")
        return found

    def _heaptype(self) -> AbsHeapType | int:
        heaptype = self.heaptype()
        return heaptype if isinstance(heaptype, (AbsHeapType, int)) else 0

    def _vector(self) -> Number | VectorPattern:
        at = self.pos
        shape = LANE_SHAPES.get(self.toks[at])
        if shape is None:
            self.unexpected()
        lanes, width, floats = shape
        tokens = self.toks[at + 1 : at + 1 + lanes]
        if not any(token in _NANS for token in tokens):
            return Number(NumType.V128, self.v128())
        found: list[int | bool] = []
        for token in tokens:
            self.pos += 1
            if token in _NANS and floats:
                found.append(_NANS[token])
                continue
            bits = float_bits(token, width) if floats else int_bits(token, width)
            if bits is None:
                self.unexpected()
            found.append(bits)
        self.pos += 1
        return VectorPattern(width, tuple(found))
