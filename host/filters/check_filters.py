"""Check the built example filters: valid, loadable by Envoy, and the same as the table in README.md says.

Run as a script; prints one line per filter and exits 1 if anything is wrong. `--update` writes the size
and sha256 columns of the table anew instead of comparing them.
Rule 1: what a host offers and demands stands in the tables below, nowhere else in this folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Host functions of ABI 0.2.0 (proxy_get_log_level: 0.2.1), without the prefix `proxy_`.
HOST_CALLS = frozenset(
    """log get_log_level get_current_time_nanoseconds set_tick_period_milliseconds
    set_effective_context done get_status get_property set_property get_buffer_bytes
    set_buffer_bytes get_buffer_status get_header_map_size get_header_map_pairs set_header_map_pairs
    get_header_map_value add_header_map_value replace_header_map_value remove_header_map_value
    continue_stream close_stream send_local_response http_call grpc_call grpc_stream grpc_send
    grpc_cancel grpc_close get_shared_data set_shared_data register_shared_queue
    resolve_shared_queue enqueue_shared_queue dequeue_shared_queue define_metric increment_metric
    record_metric get_metric call_foreign_function""".split()
)
# The part of WASI preview 1 that every host has with the standard signature.
WASI_CALLS = frozenset(
    """args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get fd_close
    fd_fdstat_get fd_fdstat_set_flags fd_prestat_dir_name fd_prestat_get fd_read fd_seek fd_write
    path_open poll_oneoff proc_exit random_get sched_yield""".split()
)
ALLOCATORS = ("malloc", "proxy_on_memory_allocate")
ABI_MARKERS = ("proxy_abi_version_0_1_0", "proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1")

IMPORT = re.compile(r'^\s*\(import "([^"]*)" "([^"]*)" \((\w+)', re.MULTILINE)
EXPORT = re.compile(r'^\s*\(export "([^"]*)" \((\w+)', re.MULTILINE)
# | `file.wasm` | language | ... | size | sha256 |
ROW = re.compile(r"^\| `(?P<path>[\w./]+\.wasm)` \|(?P<middle>.*)\| (?P<size>[\d ]*) \| `(?P<sha>\w*)` \|$")


def check_imports(text: str) -> list[str]:
    """Return what the module wants that a host need not have."""
    wrong = []
    for module, name, kind in IMPORT.findall(text):
        known = {
            "env": name.startswith("proxy_") and name[len("proxy_") :] in HOST_CALLS,
            "wasi_snapshot_preview1": name in WASI_CALLS,
        }.get(module, False)
        if kind != "func" or not known:
            wrong.append(f"imports {kind} {module}.{name}")
    return wrong


def check_exports(text: str) -> list[str]:
    """Return what a host needs and the module does not export."""
    exports = set(EXPORT.findall(text))
    names = {name for name, kind in exports if kind == "func"}
    wrong = [] if ("memory", "memory") in exports else ["exports no memory"]
    for what, choices in (("allocator", ALLOCATORS), ("ABI marker", ABI_MARKERS)):
        if not names.intersection(choices):
            wrong.append(f"exports no {what}")
    return wrong


def check_module(path: Path, wasm_tools: str) -> list[str]:
    """Return everything that is wrong with one module."""
    if not path.exists():
        return ["not built"]
    valid = subprocess.run([wasm_tools, "validate", str(path)], capture_output=True, text=True, check=False)
    if valid.returncode != 0:
        return [valid.stderr.strip()]
    command = [wasm_tools, "print", "--skeleton", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return check_imports(text) + check_exports(text)


def stale_cases(digests: dict[str, str]) -> list[str]:
    """Return the cases that were recorded with another build than the one that is here."""
    stale = []
    for path in sorted(HERE.glob("cases/*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8")).get("golden", {}).get("wasm_sha256", {})
        # why: `not recorded`, a case without any golden proves nothing either.
        if not recorded or any(digests.get(name) != digest for name, digest in recorded.items()):
            stale.append(path.name)
    return stale


def main() -> int:
    """Check all rows of the table, that no built filter lacks a row, and the age of the cases."""
    parser = argparse.ArgumentParser(description="Check the built example filters.")
    parser.add_argument("--wasm-tools", default="wasm-tools", help="the wasm-tools command")
    parser.add_argument("--update", action="store_true", help="rewrite size and sha256 in README.md")
    options = parser.parse_args()
    readme = HERE / "README.md"
    lines = readme.read_text(encoding="utf-8").splitlines()
    failures = 0
    digests: dict[str, str] = {}
    for i, row in enumerate(map(ROW.match, lines)):
        if row is None:
            continue
        path = HERE / row["path"]
        wrong = check_module(path, options.wasm_tools)
        data = path.read_bytes() if path.exists() else b""
        size, digest = f"{len(data):,}".replace(",", " "), hashlib.sha256(data).hexdigest()
        digests[row["path"]] = digest
        if options.update:
            lines[i] = f"| `{row['path']}` |{row['middle']}| {size} | `{digest}` |"
        elif (size, digest) != (row["size"], row["sha"]):
            wrong.append(f"differs from README.md: {size} bytes, {digest}")
        failures += bool(wrong)
        print(f"{row['path']}: {'; '.join(wrong) or 'ok'}")
    built = {path.relative_to(HERE).as_posix() for path in HERE.glob("*/*.wasm")}
    for name in sorted(built - set(digests)):
        failures += 1
        print(f"{name}: not in the table of README.md")
    for name in stale_cases(digests):
        failures += 1
        print(f"cases/{name}: recorded with another build")
    if options.update:
        readme.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failures or not digests else 0


if __name__ == "__main__":
    sys.exit(main())
