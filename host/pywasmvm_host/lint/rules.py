"""The table of lint rules: what may be wrong, what Envoy 1.40 makes of it, and what to write instead.

One row per rule; docs/lint.md is written from it. PW1xx look at a module, PW2xx at a configuration, PW3xx
at what a few requests through the host did. An error is what refuses to load, crashes, hangs, or loses data
or security; a warning does not do what its author meant; an info is worth knowing.
"""

from __future__ import annotations

from . import config
from . import dynamic as run
from . import static as module
from .model import Rule

__all__ = ["RULES", "rule"]

REFUSED = "the configuration is refused"

_MODULE = (
    ("PW101", "error", "the bytes are no WebAssembly module",
     f'"Failed to parse corrupted Wasm module"; {REFUSED}, under every failure policy',
     "build the file again, and check that it was copied whole and is not packed", lambda m: ()),
    ("PW102", "error", "the module does not compile",
     f'"Failed to load Wasm bytecode"; {REFUSED}, under every failure policy',
     "build it without proposals the host lacks; `pywasmvm validate` shows the place", module.bad_bytecode),
    ("PW103", "error", "no ABI marker",
     f'"Missing or unknown Proxy-Wasm ABI version"; {REFUSED}',
     "export a function proxy_abi_version_0_2_1, or build with a Proxy-Wasm SDK", module.no_marker),
    ("PW104", "error", "unknown ABI marker",
     f'"Missing or unknown Proxy-Wasm ABI version"; {REFUSED}',
     "build with an SDK for 0.1.0, 0.2.0 or 0.2.1", module.unknown_marker),
    ("PW105", "error", "ABI marker of Higress",
     f'stock Envoy does not know 0.2.100: "Missing or unknown Proxy-Wasm ABI version"; {REFUSED}',
     "run it on Higress (`--profile higress`), or build with an SDK for 0.2.1", module.higress_marker),
    ("PW106", "info", "several ABI markers", "the first one counts", "export one marker only",
     module.several_markers),
    ("PW110", "error", "no memory exported", "Envoy crashes while loading (segmentation fault)",
     "export the memory under the name memory", module.no_memory),
    ("PW111", "error", "memory larger than 1 GiB from the start", f"V8 allows 16384 pages; {REFUSED}",
     "lower the initial memory (linker option --initial-memory)", module.large_minimum),
    ("PW112", "info", "memory may ask for more than 1 GiB",
     "V8 allows 16384 pages: memory.grow beyond answers -1, and allocators then return 0 or trap",
     "declare a maximum of at most 16384 pages", module.large_maximum),
    ("PW113", "error", "no allocator", f'"Wasm module is missing malloc function."; {REFUSED}',
     "export malloc or proxy_on_memory_allocate, both of type i32 -> i32", module.no_allocator),
    ("PW114", "info", "both allocators",
     "Envoy takes malloc, the specification prefers proxy_on_memory_allocate",
     "export one, or make sure that both take from the same heap", module.both_allocators),
    ("PW115", "warning", "_start and _initialize", "only _initialize runs, then main; _start is never called",
     "build as a reactor (-mexec-model=reactor) and keep one of them", module.start_and_initialize),
    ("PW120", "error", "unknown import", f'"Failed to load Wasm module due to a missing import"; {REFUSED}',
     "correct the name, or take the import out", module.unknown_import),
    ("PW121", "error", "import of another ABI version",
     f'"Failed to load Wasm module due to a missing import"; {REFUSED}',
     "build for the ABI that has it, or use its successor (proxy_continue_stream for "
     "proxy_continue_request, the "
     "foreign function clear_route_cache, buffer 7 for proxy_get_configuration)", module.import_of_other_abi),
    ("PW122", "error", "import that only Higress has",
     f'"Failed to load Wasm module due to a missing import"; {REFUSED}',
     "run it on Higress (`--profile higress`), or stub the import", module.higress_import),
    ("PW123", "error", "import of a wrong type",
     f'"Failed to load Wasm module due to an import type mismatch"; {REFUSED}',
     "declare it as the ABI does", module.import_type),
    ("PW124", "error", "path_link or path_symlink imported",
     f"Envoy registers both with too few parameters, so the correct declaration does not link; {REFUSED}",
     "keep the functions that use them out of the build: there is no file system anyway", module.wasi_links),
    ("PW125", "error", "imported global or tag", f"the host offers none; {REFUSED}",
     "link statically, without position-independent code", module.imported_global),
    ("PW130", "error", "callback of a wrong type", f'"Bad function signature for"; {REFUSED}',
     "export it with the type the ABI wants", module.wrong_callback),
    ("PW131", "error", "marker and callbacks of different ABI versions",
     f'"Bad function signature for"; {REFUSED}: the headers callbacks have no end_of_stream in 0.1.0',
     "export the marker of the SDK that the callbacks were written for", module.mixed_abi),
    ("PW132", "warning", "misspelt callback", "it is never called, and nothing says so", "correct the name",
     module.misspelt_callback),
    ("PW133", "warning", "proxy_on_grpc_trailing_metadata",
     "no host calls that name, though some SDK headers declare it",
     "export proxy_on_grpc_receive_trailing_metadata", module.trailing_metadata),
    ("PW134", "info", "callback that is never called", "it is not part of what this host calls",
     "do not rely on it", module.never_called),
    ("PW140", "error", "host call from the start section",
     "it runs before any context exists: Envoy crashes while loading (segmentation fault)",
     "move the code to _initialize or to proxy_on_vm_start", module.early_host_calls),
    ("PW141", "error", "the start section traps", f'"Failed to create new Wasm instance"; {REFUSED}',
     "mend it, or move the code to _initialize", module.start_traps),
)  # fmt: skip

_CONFIG = (
    ("PW200", "error", "the configuration cannot be read", f"{REFUSED}", "correct the field that is named",
     config.not_loadable),
    ("PW201", "error", "reload back-off of a millisecond or less",
     "Envoy dies of a division by zero (SIGFPE) when the first VM fails",
     "take 1s, the default, or at least 10ms",
     config.reload_too_fast),
    ("PW202", "error", "unknown capability",
     "accepted in silence; as soon as the list holds anything, all that is not listed is cut, also proxy_log",
     "correct the name", config.capability_unknown),
    ("PW203", "warning", "capability used but not listed",
     "a host call left out answers 10 (WASI: 76) and logs an error; a callback left out is never called",
     "add the names, or leave the list out", config.capability_missing),
    ("PW204", "warning", "fail_open",
     "deprecated; other than failure_policy: FAIL_OPEN, the failing stream passes too",
     "write failure_policy: FAIL_OPEN", config.legacy_fail_open),
    ("PW205", "error", "one VM, different environment or capabilities",
     "neither is part of the VM's key: the first plugin decides for all, in silence",
     "give the plugins different vm_ids", config.shared_vm_differs),
    ("PW206", "info", "the same plugin twice",
     "both share one root context: one tick, one configuration, one state",
     "give them different root_ids, names or configurations if they shall not", config.same_plugin),
    ("PW208", "warning", "configuration as Struct",
     "Envoy 1.40 hands over the serialized protobuf message, not JSON",
     "use google.protobuf.StringValue with the JSON as its value", config.struct_configuration),
)  # fmt: skip

_RUN = (
    ("PW300", "error", "the plugin does not start", f"{REFUSED}, also with FAIL_OPEN",
     "give it the configuration it needs (--config), or mend what it names", run.never_starts),
    ("PW301", "error", "local response after the end of the stream",
     "in proxy_on_log, proxy_on_done and proxy_on_delete Envoy logs and ends the stream again, without end, "
     "until its stack is used up: segmentation fault",
     "answer in a headers or body callback", run.hazard_of("send_local_response after the stream's end")),
    ("PW302", "error", "response continued before there is one", "segmentation fault of Envoy",
     "continue the request (stream type 0) in request callbacks", run.early_continue),
    ("PW303", "error", "trap",
     "the VM is dead: 503 for this request and, unless the policy says otherwise, for every later one",
     "mend the failing function; the backtrace names it if the module has a name section", run.trap),
    ("PW304", "error", "trap outside of a stream's callback",
     "the streams that wait for it hang until their clients give up; then as any trap",
     "mend the failing function, and answer with a time limit of your own", run.trap_while_paused),
    ("PW305", "error", "more work than the fuel allows",
     "Envoy has no limit: the worker thread is blocked for all its connections and cannot even be stopped",
     "bound the loop; --fuel sets how much one callback may spend here", run.endless),
    ("PW306", "error", "a request without an answer", "the client waits until it gives up",
     "continue the stream or answer it on every path; to see bodies while headers are held set "
     "allow_on_headers_stop_iteration", run.hang),
    ("PW307", "error", "malformed header list",
     "read as an empty one: proxy_set_header_map_pairs wipes all headers and answers OK",
     "serialize lists as the ABI says: count, lengths, then text with a NUL after each",
     run.hazard_of("malformed header list")),
    ("PW308", "error", "write into the middle of a body", "answers BAD_ARGUMENT and changes nothing",
     "replace from 0, or append behind the end", run.hazard_of("set_buffer_bytes inside a body")),
    ("PW309", "error", "content-length and body differ", "the peer waits for the rest or cuts the body",
     "remove content-length in the headers callback before you change a body", run.body_length),
    ("PW310", "error", "invalid header",
     "accepted; then the request dies with 503, and in a response CR and LF reach the client "
     "(header injection)",
     "check names and values that come from outside", run.invalid_header),
    ("PW311", "error", "pseudo-header taken away",
     "accepted; then 503 or 502 (missing required header), or 404 without a path", "set it again",
     run.lost_pseudo_header),
    ("PW312", "error", "data dropped",
     "an action of 3 or more from a body callback drops the data of that call",
     "return 0 (Continue) or 1 (Pause)", run.dropped_data),
    ("PW313", "warning", "metric defined per request",
     "ids are never reused: memory grows with every request",
     "define metrics in proxy_on_vm_start or proxy_on_configure", run.metric_per_request),
    ("PW314", "warning", "gauge below zero", "wraps to a number near 2^64", "count up before you count down",
     run.gauge_below_zero),
    ("PW315", "warning", "NUL in the name of a property", "it cannot be read back", "use dots or underscores",
     run.nul_in_property),
    ("PW316", "error", "trap in the allocator",
     "the host call answers 6, the function that made it runs on to its end; then the VM is dead",
     "let the allocator return 0 when it has no room", run.allocator_trap),
    ("PW317", "warning", "declare_property from a stream callback", "accepted and ignored",
     "declare in proxy_on_vm_start or proxy_on_configure", run.hazard_of("declare_property from a stream")),
    ("PW318", "warning", "context of another plugin", "allowed: plugins in one VM are not isolated",
     "give the plugins different vm_ids, or do not keep ids of others", run.foreign_context),
    ("PW319", "error", "empty GrpcService", "Envoy aborts (panic: unset oneof)",
     "pass a cluster name or a complete GrpcService", run.empty_grpc_service),
    ("PW320", "error", "host call that is not allowed here",
     "restricted_callback: the VM is dead; while starting and in the allocator only a few calls work",
     "move the call to proxy_on_vm_start or later", run.restricted),
    ("PW321", "error", "continued and Continue returned",
     "the request goes out twice, and the response is corrupted",
     "return Pause where you continue later; else only return",
     run.continue_twice),
    ("PW322", "warning", "proxy_close_stream with HTTP/1.1", "the client gets neither a response nor a close",
     "answer with proxy_send_local_response", run.close_stream),
    ("PW323", "info", "a host call that failed", "the plugin was told so by its status",
     "look whether the plugin does what it should without it", run.ignored_status),
    ("PW324", "info", "trailers of an HTTP call", "see the detail", "do not rely on them",
     run.hazard_of("trailers of proxy_http_call")),
    ("PW325", "info", "not built in this host", "works in Envoy or Higress; here it answers UNIMPLEMENTED",
     "test that part elsewhere", run.unbuilt),
    ("PW326", "error", "proxy_close_stream outside of a stream's life",
     "segmentation fault of Envoy, in proxy_on_context_create, _log, _done and _delete",
     "close it in a headers or body callback", run.close_after_end),
    ("PW327", "error", "stream closed and answered in one response callback",
     "segmentation fault of Envoy, in most orders and callbacks", "do one of the two", run.close_and_answer),
)  # fmt: skip

RULES: tuple[Rule, ...] = tuple(
    Rule(id_, severity, title, why, fix, subject, check)
    for subject, rows in (("module", _MODULE), ("config", _CONFIG), ("run", _RUN))
    for id_, severity, title, why, fix, check in rows
)
_BY_ID = {r.id: r for r in RULES}


def rule(name: str) -> Rule:
    """Return a rule by its id."""
    return _BY_ID[name]
