"""State that VMs of one process share: data with compare-and-swap, queues, metrics.

Scopes follow Envoy: data belongs to a vm_id, the compare-and-swap counter to the process; queues are found by
(vm_id, name) but reached by token from anywhere; metrics are server-wide, their ids belong to one VM.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from .abi.enums import MetricType, Status

__all__ = ["Metrics", "Queue", "Queues", "SharedData", "VmMetricIds"]

# What an entry weighs besides its bytes, so that many empty ones cannot pass a limit.
ENTRY_BYTES = 64
# Samples kept of a histogram: the newest; what falls out is gone, as in a proxy that only keeps sums.
KEPT_SAMPLES = 100_000
MASK64 = 0xFFFFFFFFFFFFFFFF


class SharedData:
    """Values by (vm_id, key), each with the number of its last change."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self.nbytes: defaultdict[str, int] = defaultdict(int)
        self.last_cas = 0

    def __copy__(self) -> SharedData:
        made = SharedData()
        made.values, made.nbytes, made.last_cas = self.values.copy(), self.nbytes.copy(), self.last_cas
        return made

    def get(self, vm_id: str, key: bytes) -> tuple[bytes, int] | None:
        return self.values.get((vm_id, key))

    def grown(self, vm_id: str, key: bytes, value: bytes) -> int:
        """Return by how many bytes setting this value makes the data of the vm_id larger."""
        old = self.values.get((vm_id, key))
        return len(value) - len(old[0]) if old is not None else len(key) + len(value) + ENTRY_BYTES

    def set(self, vm_id: str, key: bytes, value: bytes, cas: int) -> Status:
        """Store a value; `cas` 0 means always, and an absent key takes any."""
        old = self.values.get((vm_id, key))
        if cas and old is not None and old[1] != cas:
            return Status.CAS_MISMATCH
        self.nbytes[vm_id] += self.grown(vm_id, key, value)
        self.last_cas = self.last_cas % 0xFFFFFFFF + 1
        self.values[vm_id, key] = (value, self.last_cas)
        return Status.OK


@dataclass
class Queue:
    """One queue; `owner` is the root context that registered it last."""

    token: int
    vm_id: str
    name: bytes
    items: deque[bytes] = field(default_factory=deque)
    owner: Any = None
    nbytes: int = 0

    def put(self, item: bytes) -> None:
        """Add an item at the end."""
        self.items.append(item)
        self.nbytes += len(item) + ENTRY_BYTES

    def take(self) -> bytes:
        """Remove the first item and return it."""
        item = self.items.popleft()
        self.nbytes -= len(item) + ENTRY_BYTES
        return item


class Queues:
    """The process-wide table of queues."""

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, bytes], Queue] = {}
        self.by_token: dict[int, Queue] = {}
        self.counts: defaultdict[str, int] = defaultdict(int)

    def register(self, vm_id: str, name: bytes, owner: Any) -> int:
        """Create a queue or take over an existing one, and return its token."""
        queue = self.by_name.get((vm_id, name))
        if queue is None:
            queue = Queue(len(self.by_token) + 1, vm_id, name)
            self.counts[vm_id] += 1
            self.by_name[vm_id, name] = self.by_token[queue.token] = queue
        queue.owner = owner
        return queue.token

    def count(self, vm_id: str) -> int:
        """Return how many queues a vm_id has."""
        return self.counts[vm_id]

    def resolve(self, vm_id: str, name: bytes) -> int:
        """Return a queue's token, or 0."""
        queue = self.by_name.get((vm_id, name))
        return queue.token if queue else 0


class Metrics:
    """Counters, gauges and histograms by (type, name)."""

    def __init__(self) -> None:
        self.values: dict[tuple[MetricType, bytes], int] = {}
        self.samples: dict[bytes, list[int]] = {}

    def define(self, kind: MetricType, name: bytes) -> None:
        if kind == MetricType.HISTOGRAM:
            self.samples.setdefault(name, [])
        else:
            self.values.setdefault((kind, name), 0)

    def as_dict(self) -> dict[str, Any]:
        """Return all metrics under the names Envoy gives them."""
        out: dict[str, Any] = {}
        for (_, name), value in sorted(self.values.items(), key=lambda kv: (kv[0][1], kv[0][0])):
            key = "wasmcustom." + name.decode("utf-8", "replace")
            out[key] = value if key not in out else [*_as_list(out[key]), value]
        for name, samples in self.samples.items():
            out["histogram:wasmcustom." + name.decode("utf-8", "replace")] = list(samples)
        return out


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class VmMetricIds:
    """The metric ids of one VM: the two low bits are the type, each type counts by itself."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.next = {kind: int(kind) for kind in MetricType}
        self.ids: dict[int, tuple[MetricType, bytes]] = {}

    def __copy__(self) -> VmMetricIds:
        made = VmMetricIds(self.metrics)
        made.next, made.ids = self.next.copy(), self.ids.copy()
        return made

    def define(self, kind: MetricType, name: bytes) -> int:
        self.next[kind] += 4
        name = name.rstrip(b".")  # Envoy's table of names drops final dots
        self.ids[self.next[kind]] = (kind, name)
        self.metrics.define(kind, name)
        return self.next[kind]

    @staticmethod
    def _unknown(metric_id: int) -> Status:
        """Answer for an id nobody was given; only counters and gauges are looked for."""
        return Status.BAD_ARGUMENT if metric_id & 3 >= MetricType.HISTOGRAM else Status.NOT_FOUND

    def increment(self, metric_id: int, offset: int) -> Status:
        kind, name = self.ids.get(metric_id, (None, b""))
        if kind is None:
            return self._unknown(metric_id)
        if kind == MetricType.HISTOGRAM or (kind == MetricType.COUNTER and offset <= 0):
            return Status.BAD_ARGUMENT
        self.metrics.values[kind, name] = (self.metrics.values[kind, name] + offset) & MASK64
        return Status.OK

    def record(self, metric_id: int, value: int) -> Status:
        kind, name = self.ids.get(metric_id, (None, b""))
        if kind is None:
            return Status.NOT_FOUND
        value &= MASK64
        if kind == MetricType.HISTOGRAM:
            samples = self.metrics.samples[name]
            samples.append(value)
            if len(samples) > 2 * KEPT_SAMPLES:
                del samples[:KEPT_SAMPLES]
        elif kind == MetricType.GAUGE:
            self.metrics.values[kind, name] = value
        else:  # measured: recording on a counter adds
            self.metrics.values[kind, name] = (self.metrics.values[kind, name] + value) & MASK64
        return Status.OK

    def get(self, metric_id: int) -> tuple[Status, int]:
        kind, name = self.ids.get(metric_id, (None, b""))
        if kind is None:
            return self._unknown(metric_id), 0
        if kind == MetricType.HISTOGRAM:
            return Status.BAD_ARGUMENT, 0
        return Status.OK, self.metrics.values[kind, name]
