"""One process per script and engine, with a time limit: a hang or a crash costs its own script only.

A worker streams what happened, so that what passed before it died still counts; the rest counts as failed.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .runner import new_session
from .suite import Script, features_of
from .wast import Command, parse_script

__all__ = ["Failure", "ScriptResult", "run_script", "run_scripts"]

_REPORT_SECONDS = 0.2
_METHOD = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


@dataclass(frozen=True)
class Failure:
    """A command that failed."""

    line: int
    what: str
    problem: str


@dataclass
class ScriptResult:
    """What came of one script under one engine. `problem` says why it ended early, if it did."""

    name: str
    directory: str
    engine: str
    total: int = 0
    passed: int = 0
    modules: int = 0
    modules_accepted: int = 0
    seconds: float = 0.0
    problem: str = ""
    failures: list[Failure] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether everything passed."""
        return not self.problem and self.passed == self.total > 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def run_script(script: Script, engine: str) -> Iterator[ScriptResult]:
    """Run a script in this process; yield its result so far now and then, and at the end."""
    result = ScriptResult(script.name, script.directory, engine, total=script.commands or 0)
    start = last = time.monotonic()
    try:
        commands = list(parse_script(script.path.read_bytes(), features_of(script.name)))
        session = new_session(engine, features_of(script.name))
    except Exception as error:  # noqa: BLE001
        # why: the file or the engine is unusable: the whole script failed, the other scripts run.
        result.problem = f"{type(error).__name__}: {error}"
        yield result
        return
    _check_count(script, commands, result)
    for command in commands:
        outcome = session.run(command)
        result.modules += outcome.is_module
        if outcome.problem:
            result.failures.append(Failure(outcome.line, outcome.what, outcome.problem[:500]))
        else:
            result.passed += 1
            result.modules_accepted += outcome.is_module
        now = time.monotonic()
        if now - last > _REPORT_SECONDS:
            last = now
            result.seconds = now - start
            yield result
    result.seconds = time.monotonic() - start
    yield result


def _check_count(script: Script, commands: list[Command], result: ScriptResult) -> None:
    if script.commands is not None and script.commands != len(commands):
        result.problem = f"{len(commands)} commands were read, the manifest has {script.commands}"
    result.total = max(len(commands), script.commands or 0)


def _work(script: Script, engine: str, pipe: Connection) -> None:
    sent = 0
    for result in run_script(script, engine):
        # fast: failures are sent once; the parent keeps what it has.
        fresh, sent = result.failures[sent:], len(result.failures)
        pipe.send({**vars(result), "failures": fresh})
    pipe.send(None)
    pipe.close()


@dataclass
class _Job:
    process: BaseProcess
    pipe: Connection
    result: ScriptResult
    start: float
    done: bool = False

    def receive(self) -> None:
        """Take in what the worker says."""
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            self.finish(f"the process died with status {self.process.exitcode}")
            return
        if message is None:
            self.finish(self.result.problem)
            return
        failures = self.result.failures + message.pop("failures")
        self.result = ScriptResult(**message, failures=failures)

    def finish(self, problem: str) -> None:
        """End the job."""
        self.done = True
        self.result.problem = problem
        if problem:
            self.result.seconds = time.monotonic() - self.start
        if self.process.is_alive() and problem:
            self.process.kill()
        self.process.join()
        self.pipe.close()


def run_scripts(
    scripts: Iterable[Script], engines: list[str], *, jobs: int, timeout: float
) -> Iterator[ScriptResult]:
    """Run every script under every engine and yield each result when it is there."""
    context: Any = multiprocessing.get_context(_METHOD)
    queue = [(script, engine) for script in scripts for engine in engines]
    queue.reverse()
    running: list[_Job] = []
    while queue or running:
        while queue and len(running) < jobs:
            running.append(_launch(context, *queue.pop()))
        ready = wait([job.pipe for job in running], timeout=0.5)
        for job in running:
            if job.pipe in ready:
                job.receive()
            elif time.monotonic() - job.start > timeout:
                job.finish(f"the time limit of {timeout:g} s passed")
            if job.done:
                yield job.result
        running = [job for job in running if not job.done]


def _launch(context: Any, script: Script, engine: str) -> _Job:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(script, engine, theirs), daemon=True)
    result = ScriptResult(script.name, script.directory, engine, total=script.commands or 1)
    process.start()
    theirs.close()
    return _Job(process, ours, result, time.monotonic())
