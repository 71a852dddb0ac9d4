"""The Engine: settings and the backend that runs code, shared by stores."""

from __future__ import annotations

import threading
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UnsupportedError, UsageError
from . import wiring
from .cache import Cache, folder_of
from .settings import Config

if TYPE_CHECKING:
    from ..binary import Bulk
    from ..config import Features, Limits
    from ..syntax.instructions import Expr
    from ..syntax.types import ValType
    from .func import Func
    from .instance import Instance
    from .store import Store

__all__ = ["Backend", "Engine"]

# What "auto" tries, best first.
_PREFERENCE = ("cython", "python")


class Backend(Protocol):
    """What an engine gives the runtime. It may also offer `frames(exc)`, see `frames.py`."""

    name: str

    def give_code(self, func: Func) -> None:
        """Give a defined function the `code` that `bind` has put off, if it has."""

    def bind(self, instance: Instance) -> None:
        """Give every defined Func of the instance its `code`."""

    def evaluate(self, instance: Instance, expr: Expr, valtype: ValType) -> Any:
        """Return the raw value of a constant expression."""


class Engine:
    """Settings and backend. Stores of one engine can share modules.

    cache   what is kept on disk from process to process, None if the Config asks for nothing of the kind.
    """

    def __init__(self, config: Config | None = None) -> None:
        if config is None:
            config = Config()
        elif not isinstance(config, Config):
            raise UsageError(f"expected a Config, got {type(config).__name__}")
        self.config = config.copy()
        for wanted in ("consume_fuel", "epoch_interruption"):
            if getattr(config, wanted):
                self.check_metered(wanted)
        self.epoch = 0
        folder = folder_of(self.config.cache)
        self.cache = Cache(folder) if folder is not None else None
        self._backend: Backend | None = None
        self._lock = threading.Lock()
        self._stores: weakref.WeakSet[Store] = weakref.WeakSet()

    @property
    def features(self) -> Features:
        """Return what modules may use."""
        features: Features = self.config.features
        return features

    @property
    def limits(self) -> Limits:
        """Return the limits new stores start with."""
        limits: Limits = self.config.limits
        return limits

    @property
    def backend(self) -> Backend:
        """Return what runs code, loading it on first use. Raise UnsupportedError if it is not there."""
        if self._backend is None:
            self._backend = self._load_backend(self.config.engine)
        return self._backend

    @cached_property
    def bulk(self) -> Bulk | None:
        """Return what reads and validates large modules, None if Python does that alone."""
        names = _PREFERENCE if self.config.engine == "auto" else (self.config.engine,)
        for name in names:
            if name in wiring.BULKS:
                try:
                    bulk: Bulk = wiring.load(wiring.BULKS, name)(self)
                except UnsupportedError:
                    continue
                return bulk
        return None

    @property
    def loaded_backend(self) -> Backend | None:
        """Return the backend if anything has needed it yet."""
        return self._backend

    def _load_backend(self, name: str) -> Backend:
        if name != "auto":
            backend: Backend = wiring.load(wiring.BACKENDS, name)(self)
            return backend
        for candidate in _PREFERENCE:
            try:
                return self._load_backend(candidate)
            except UnsupportedError:
                continue
        raise UnsupportedError("no engine is installed")

    def increment_epoch(self) -> None:
        """Move the epoch on by one tick and interrupt stores whose deadline that reaches. For any thread."""
        with self._lock:
            self.epoch += 1
            stores = list(self._stores)
        for store in stores:
            store.check_epoch()

    def check_metered(self, what: str) -> None:
        """Raise UsageError if metering is off, which `what` needs."""
        if not self.config.metering:
            raise UsageError(f"{what} needs metering, and this engine was made with Config.metering = False")

    def adopt(self, store: Store) -> None:
        """Remember a store for the epoch."""
        with self._lock:
            self._stores.add(store)

    def is_pulley(self) -> bool:
        """Return False: that interpreter is another engine's."""
        return False

    def close(self) -> None:
        """Do nothing: Python frees an engine. There for scripts that close theirs."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
