"""Runs the commands of one script, one fresh store per script, and says of each whether it did what it must.

Rule 1: an assertion passes only by the error class it names and a text that starts with the expected one; a
        text module goes through our parser, our encoder and our decoder.
Rule 2: after a module that failed there is no current instance: nothing falls back to an older one.
Rule 3: whatever else goes wrong fails the command, and the next one runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import Config, Engine, Func, Global, Instance, Module, Store
from ..binary import decode_module, encode_module
from ..config import Features
from ..errors import (
    DecodeError,
    ExhaustionError,
    LinkError,
    Trap,
    ValidationError,
    WasmError,
    WasmException,
)
from ..runtime.imports import unknown_import
from ..runtime.refs import I31, ArrayRef, ExceptionRef, ExternRef, FuncRef, StructRef
from ..syntax.types import AbsHeapType, FuncType, RefType, ValType
from .patterns import HostRef, Null, Number, Value, matches
from .spectest import spectest_exports
from .wast import (
    Action,
    Assertion,
    Broken,
    Command,
    DefineModule,
    InstantiateModule,
    ModuleSource,
    Perform,
    Refusal,
    Register,
    StartThread,
    WaitThread,
)

__all__ = ["Outcome", "Session", "new_session"]

# What an assertion calls an outcome, and the error class that is it.
_ERRORS: dict[str, type[WasmError]] = {
    "trap": Trap,
    "exhaustion": ExhaustionError,
    "exception": WasmException,
    "malformed": DecodeError,
    "malformed_custom": DecodeError,
    "invalid": ValidationError,
    "invalid_custom": ValidationError,
    "unlinkable": LinkError,
}
_KINDS: tuple[tuple[type, str], ...] = (
    (FuncRef, "func"),
    (I31, "i31"),
    (StructRef, "struct"),
    (ArrayRef, "array"),
    (ExceptionRef, "exn"),
)
_EXTERNAL = (AbsHeapType.EXTERN, AbsHeapType.NOEXTERN)


class CommandFailed(Exception):
    """A command did not do what it must."""


@dataclass(frozen=True)
class Outcome:
    """What came of one command: `what` is its kind, `problem` is empty if it passed."""

    line: int
    what: str
    problem: str = ""
    is_module: bool = False


def new_session(engine_name: str, features: Features) -> Session:
    """Return a session with an engine of its own."""
    config = Config()
    config.engine = engine_name
    config.features = features
    return Session(Engine(config))


class Session:
    """The state of a script that runs: its store, modules, instances and registered names."""

    def __init__(self, engine: Engine, store: Store | None = None) -> None:
        self.engine = engine
        self.store = store or Store(engine)
        self.registry: dict[str, Mapping[str, Any]] = {"spectest": spectest_exports(engine, self.store)}
        self.modules: dict[str | None, Module | None] = {}
        self.instances: dict[str | None, Instance | None] = {}
        self._externs: dict[int, ExternRef] = {}
        self._threads: dict[str, _ScriptThread] = {}

    def run(self, command: Command) -> Outcome:
        """Run one command."""
        what, run = _COMMANDS[type(command)](self, command)
        is_module = isinstance(command, (DefineModule, InstantiateModule))
        problem = ""
        try:
            run()
        except CommandFailed as failure:
            problem = str(failure)
        except Exception as error:  # noqa: BLE001
            # why: an error that nobody expected fails its command, whatever it is; it never passes one.
            problem = f"{type(error).__name__}: {error}"
        return Outcome(command.line, what, problem, is_module)

    # -- commands

    def _broken(self, command: Broken) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            raise CommandFailed(f"cannot be read: {command.problem}")

        return "unreadable command", run

    def _define(self, command: DefineModule) -> tuple[str, Callable[[], None]]:
        source = command.source

        def run() -> None:
            self._forget(source.name)
            module = self._load(source)
            self.modules[None] = self.modules[source.name] = module
            if not command.only_define:
                instance = self._instantiate(module)
                self.instances[None] = self.instances[source.name] = instance

        return "module definition" if command.only_define else "module", run

    def _forget(self, name: str | None) -> None:
        for key in {None, name}:
            self.modules[key] = None
            self.instances[key] = None

    def _instance(self, command: InstantiateModule) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            module = self.modules.get(command.module)
            if module is None:
                raise CommandFailed(f"there is no module {command.module or '(current)'}")
            self.instances[None] = self.instances[command.instance] = None
            instance = self._instantiate(module)
            self.instances[None] = self.instances[command.instance] = instance

        return "module instance", run

    def _register(self, command: Register) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            self.registry[command.name] = self._find(command.instance).exports(self.store)

        return "register", run

    def _perform(self, command: Perform) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            self._act(command.action)

        return "action", run

    def _assert(self, command: Assertion) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            if command.kind == "return":
                self._assert_return(command)
            else:
                self._expect(command.kind, command.text, lambda: self._act(command.action))

        return f"assert_{command.kind}", run

    def _refuse(self, command: Refusal) -> tuple[str, Callable[[], None]]:
        kind, source = command.kind, command.source

        def run() -> None:
            if kind in ("trap", "unlinkable"):
                # safe: loading stands outside of _expect, so a refusal at load time cannot pass for one here.
                module = self._load(source)
                self._expect(kind, command.text, lambda: self._instantiate(module))
            else:
                self._expect(kind, command.text, lambda: self._load(source))

        return "assert_uninstantiable" if kind == "trap" else f"assert_{kind}", run

    def _start_thread(self, command: StartThread) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            session = Session(self.engine, self.store)
            for name in command.shared:
                session.instances[name] = self._find(name)
            thread = self._threads[command.name] = _ScriptThread(session, command.commands)
            thread.start()

        return "thread", run

    def _wait_thread(self, command: WaitThread) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            thread = self._threads.get(command.name)
            if thread is None:
                raise CommandFailed(f"there is no thread ${command.name}")
            thread.join()
            if thread.problems:
                raise CommandFailed("; ".join(thread.problems))

        return "wait", run

    # -- modules

    def _load(self, source: ModuleSource) -> Module:
        data = source.data if source.form == "binary" else encode_module(source.parse())
        if data[:1] != b"\0":
            # why: Module would take this for text; a script that says "binary" means binary.
            decode_module(data, self.engine.features, self.engine.limits)
        return Module(self.engine, data)

    def _instantiate(self, module: Module) -> Instance:
        items = []
        for entry, wanted in zip(module.syntax.imports, module.checked.imports, strict=True):
            item = self.registry.get(entry.module, {}).get(entry.name)
            if item is None:
                raise unknown_import(entry.module, entry.name, wanted)
            items.append(item)
        return Instance(self.store, module, items)

    def _find(self, name: str | None) -> Instance:
        instance = self.instances.get(name)
        if instance is None:
            raise CommandFailed(f"there is no instance {'$' + name if name else '(current)'}")
        return instance

    # -- actions

    def _act(self, action: Action) -> list[tuple[ValType, Any]]:
        item = self._find(action.module).export(action.name)
        if isinstance(item, Global) and action.args is None:
            return [(item.globaltype.valtype, item.raw)]
        if not isinstance(item, Func) or action.args is None:
            raise CommandFailed(f"{action}: there is no such export")
        functype = item.deftype.comptype
        results = functype.results if isinstance(functype, FuncType) else ()
        raws = item.invoke([self._raw(value) for value in action.args])
        if len(raws) != len(results):
            raise CommandFailed(f"{action}: {len(raws)} results for the type {functype}")
        return list(zip(results, raws, strict=True))

    def _raw(self, value: Value) -> Any:
        if isinstance(value, Number):
            return value.bits
        if isinstance(value, Null):
            return None
        return self._externs.setdefault(value.number, ExternRef(value.number))

    def _kind_of(self, t: RefType, raw: object) -> HostRef | str:
        external = t.heaptype in _EXTERNAL
        if isinstance(raw, ExternRef):
            return HostRef(raw.value, not external)
        if external:
            return "extern"
        return next((kind for cls, kind in _KINDS if isinstance(raw, cls)), type(raw).__name__)

    # -- assertions

    def _assert_return(self, command: Assertion) -> None:
        found = self._act(command.action)
        wanted = command.results
        same = len(found) == len(wanted) and all(
            matches(pattern, t, raw, self._kind_of) for pattern, (t, raw) in zip(wanted, found, strict=True)
        )
        if not same:
            got = ", ".join(f"{t} {raw:#x}" if isinstance(raw, int) else f"{t} {raw!r}" for t, raw in found)
            raise CommandFailed(f"{command.action}: wanted [{', '.join(map(str, wanted))}], got [{got}]")

    def _expect(self, kind: str, text: str, run: Callable[[], object]) -> None:
        """Run and demand the error class of `kind` with a message that starts with `text`."""
        try:
            run()
        except _ERRORS[kind] as error:
            if not says(error.message, text):
                raise CommandFailed(f"wanted {kind} {text!r}, got {error.message!r}") from None
            return
        raise CommandFailed(f"wanted {kind} {text!r}, but nothing went wrong")


def says(message: str, expected: str) -> bool:
    """Tell whether a message starts with the suite's wording."""
    return message.startswith(expected)


class _ScriptThread(threading.Thread):
    """Runs the commands of a `(thread ...)`; `problems` is what went wrong."""

    def __init__(self, session: Session, commands: tuple[Command, ...]) -> None:
        super().__init__(daemon=True)
        self.session = session
        self.commands = commands
        self.problems: list[str] = []

    def run(self) -> None:
        """Run every command, also behind one that failed."""
        for command in self.commands:
            outcome = self.session.run(command)
            if outcome.problem:
                self.problems.append(f"{outcome.what}: {outcome.problem}")


_COMMANDS: dict[type[Command], Callable[[Session, Any], tuple[str, Callable[[], None]]]] = {
    Broken: Session._broken,
    DefineModule: Session._define,
    InstantiateModule: Session._instance,
    Register: Session._register,
    Perform: Session._perform,
    Assertion: Session._assert,
    Refusal: Session._refuse,
    StartThread: Session._start_thread,
    WaitThread: Session._wait_thread,
}
