"""Host calls on what VMs share: data, queues, metrics."""

from __future__ import annotations

from typing import Any

from ..abi.enums import MetricType, Status
from ..budget import within
from ..shared import ENTRY_BYTES
from . import body


@body
def proxy_get_shared_data(call: Any, key: bytes) -> Any:
    found = call.world.shared.get(call.vm.vm_id, key)
    return Status.NOT_FOUND if found is None else (Status.OK, *found)


@body
def proxy_set_shared_data(call: Any, key: bytes, value: bytes, cas: int) -> int:
    limits, shared, vm_id = call.vm.limits, call.world.shared, call.vm.vm_id
    within("name_bytes", limits.name_bytes, len(key))
    grown = shared.grown(vm_id, key, value)
    within("shared_data_bytes", limits.shared_data_bytes, shared.nbytes[vm_id] + max(grown, 0))
    return int(shared.set(vm_id, key, value, cas))


@body
def proxy_register_shared_queue(call: Any, name: bytes) -> tuple[int, int]:
    limits, queues = call.vm.limits, call.world.queues
    within("name_bytes", limits.name_bytes, len(name))
    if not queues.resolve(call.vm.vm_id, name):
        within("queues", limits.queues, queues.count(call.vm.vm_id) + 1)
    return Status.OK, queues.register(call.vm.vm_id, name, call.root)


@body
def proxy_resolve_shared_queue(call: Any, vm_id: bytes, name: bytes) -> Any:
    token = call.world.queues.resolve(vm_id.decode("utf-8", "replace") or call.vm.vm_id, name)
    return (Status.OK, token) if token else Status.NOT_FOUND


@body
def proxy_enqueue_shared_queue(call: Any, token: int, value: bytes) -> int:
    queue = call.world.queues.by_token.get(token)
    if queue is None:
        return Status.NOT_FOUND
    within("queue_bytes", call.vm.limits.queue_bytes, queue.nbytes + len(value) + ENTRY_BYTES)
    queue.put(value)
    owner = queue.owner

    def ready() -> None:
        if not owner.gone and not owner.vm.failed:
            owner.vm.call(owner, "proxy_on_queue_ready", owner.id, token)

    call.world.soon(ready)
    return Status.OK


@body
def proxy_dequeue_shared_queue(call: Any, token: int) -> Any:
    queue = call.world.queues.by_token.get(token)
    if queue is None:
        return Status.NOT_FOUND
    return (Status.OK, queue.take()) if queue.items else Status.EMPTY


@body
def proxy_define_metric(call: Any, kind: int, name: bytes) -> tuple[int, int]:
    limits, known = call.vm.limits, call.vm.metric_ids
    within("name_bytes", limits.name_bytes, len(name))
    within("metrics", limits.metrics, len(known.ids) + 1)
    return Status.OK, known.define(MetricType(kind), name)


@body
def proxy_increment_metric(call: Any, metric_id: int, offset: int) -> int:
    return int(call.vm.metric_ids.increment(metric_id, offset))


@body
def proxy_record_metric(call: Any, metric_id: int, value: int) -> int:
    return int(call.vm.metric_ids.record(metric_id, value))


@body
def proxy_get_metric(call: Any, metric_id: int) -> Any:
    status, value = call.vm.metric_ids.get(metric_id)
    return (status, value) if status == Status.OK else status
