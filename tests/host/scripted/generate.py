"""Random cases for the filter that follows a script (script.c), and how often this host does as Envoy does.

python generate.py --count 20 --seed 1            through a real Envoy (twice each) and through this host
python generate.py --count 20 --seed 1 --out DIR  only write the cases

A seed makes the same case for ever. Answers of upstreams are apart in time, so that their order is clear.
What Envoy does not do twice alike is counted for itself: "unsteady".
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BODIES: list[list[Any]] = [["hello"], ["hello ", "world"], ["a", "bb", "ccc"], [{"repeat": ["xyz", 3000]}]]
ANSWERS: list[list[Any]] = [["resp"], ["one ", "two"], [], ["p", "q", "r"], [{"repeat": ["abc", 4000]}]]
REQUEST_HEADERS = [
    ["x-a", "1"], ["x-a", "2"], ["cookie", "a=1"], ["cookie", "b=2"], ["user-agent", "ua"], ["accept", "*/*"],
    ["x-upper", "V"], ["referer", "http://r/"], ["content-type", "text/plain"],
    ["content-type", "application/grpc"],
]  # fmt: skip
RESPONSE_HEADERS = [
    ["x-a", "ra"], ["x-a", "rb"], ["set-cookie", "a"], ["set-cookie", "b"], ["content-type", "text/html"],
    ["server", "srv"], ["vary", "x"], ["cache-control", "no-store"], ["etag", '"e"'],
]  # fmt: skip
NAMES = "x-a x-b cookie content-length content-type via te host vary location server etag".split()
PROPERTIES = """
    request|path request|url_path request|host request|scheme request|method request|query request|size
    request|total_size request|protocol request|headers|x-a response|code response|code_details
    response|flags response|grpc_status response|size response|headers|x-a response|trailers|x-rt
    connection|mtls upstream|request_attempt_count upstream|transport_failure_reason plugin_name
    plugin_root_id xds|cluster_name xds|route_name xds|virtual_host_name xds|node|id xds|listener_direction
    xds|route_metadata|filter_metadata|test.ns metadata filter_state|wasm.k1 k1 request nope
""".split()
STREAM = ("reqh", "reqb", "reqt", "resh", "resb", "rest")
MAPS = {"reqh": 0, "reqb": 0, "reqt": 1, "resh": 2, "resb": 2, "rest": 3}
PAUSES = {"h": "13344", "b": "1123", "t": "1"}
CLUSTERS = ("s0", "s1", "s2", "dead", "nocluster")
PLAIN = [
    ["\\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT", "<date>"],
    ["(service-time.x00)[0-9]+", "\\1<ms>"],
]


class Generator:
    """Draws one case. Every method draws from the same source, so their order is part of a seed's meaning."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.pick = self.r.choice

    def some(self, share: float) -> bool:
        return self.r.random() < share

    # ---- lines of a script
    def headers(self, phase: str) -> str:
        kind, name = MAPS.get(phase, 0) if self.some(0.8) else self.r.randrange(8), self.pick(NAMES)
        value = (
            self.pick(["0", "5", "11"]) if name == "content-length" else self.pick(["1", "~", "two", "a,b"])
        )
        return self.pick(
            [f"hget {kind} {name}", f"hadd {kind} {name} {value}", f"hrep {kind} {name} {value}"]
            + [f"hrem {kind} {name}", f"hpairs {kind}", f"hsize {kind}"]
        )

    def body(self, phase: str) -> str:
        kind = (phase[:3] == "res") ^ self.some(0.1)
        start, size = self.pick([0, 0, 0, 1, 5, 99]), self.pick([0, 1, 3, 100, -1])
        text = self.pick(["new", "~", "X", "[longer-text]"])
        return self.pick(
            [f"bget {kind:d} {start} {size}", f"bstat {kind:d}", f"bset {kind:d} {start} {size} {text}"]
        )

    def local(self) -> str:
        code, text = self.pick([200, 204, 302, 403, 503]), self.pick(["~", "denied"])
        more = self.pick(["", "x-l 1", "content-type text/html", "content-length 9"])
        return f"local {code} why {text} {self.pick([-1, 0, 7])} {more}"

    def call(self) -> str:
        return f"get {self.pick(CLUSTERS)} {self.pick([0, 1000, 312])}"

    def line(self, phase: str) -> str:
        kind = self.r.random()
        if kind < 0.35:
            return self.headers(phase)
        if kind < 0.6:
            return self.body(phase)
        if kind < 0.8:
            return f"prop {self.pick(PROPERTIES)}"
        return self.pick(
            [
                "status",
                "level",
                "sprop k1 v",
                "ff clear_route_cache ~",
                "sset key v 0",
                "sget key",
                "mdef 0 c",
                "minc $ 1",
            ]
        )

    def end(self, phase: str) -> list[str]:
        """Return how a callback ends that does more than look: answer, close, call, pause."""
        out = []
        if self.some(0.1):
            out.append(self.local() if self.some(0.7) else f"close {self.r.randrange(4)}")
        if self.some(0.2):
            out.append(self.call())
        if self.some(0.2):
            out.append(f"ret {self.pick(PAUSES[phase[-1]])}")
        return out

    def script(self) -> str:
        out = []
        for phase in ("create", *STREAM, "log", "done", "delete"):
            times = [""] if phase[-1] != "b" else self.pick([[""], [":1", ""], [":1", ":2", ""]])
            for nth in times:
                if self.some(0.4):
                    continue
                lines = [self.line(phase) for _ in range(self.r.randrange(4))]
                lines += self.end(phase) if phase in STREAM else []
                out += [f"@{phase}{nth}", *lines]
        edits = [self.line(self.pick(STREAM)) for _ in range(self.r.randrange(3))]
        return "\n".join(
            [*out, "@http", "hget 6 :status", "eff s", *edits, self.pick(["cont 0", "cont 0", self.local()])]
        )

    # ---- the rest of a case
    def request(self) -> dict[str, Any]:
        q: dict[str, Any] = {
            "path": self.pick(["/", "/a", "/a?x=1&y"]),
            "timeout_ms": 900,
            "wait_after_ms": 400,
        }
        q["method"] = self.pick(["GET", "HEAD", "POST", "DELETE"])
        if self.some(0.6):
            q |= {"method": self.pick(["POST", "PUT", "GET"]), "body": self.pick(BODIES)}
            if self.some(0.3):
                q["trailers"] = [["x-t", "tv"]]
        q["headers"] = self.r.sample(REQUEST_HEADERS, self.r.randrange(5))
        return q | ({"http": "2"} if self.some(0.4) else {})

    def response(self) -> dict[str, Any]:
        out: dict[str, Any] = {"status": self.pick([200, 200, 200, 404, 500, 204, 304])}
        out["headers"] = self.r.sample(RESPONSE_HEADERS, self.r.randrange(4))
        if out["status"] not in (204, 304):
            out["body"] = self.pick(ANSWERS)
            out |= {"trailers": [["x-rt", "v"]]} if self.some(0.25) else {}
        odd = self.pick([{}, {}, {}, {}, {"delay_ms": 63}, {"early": True}, {"hang": True}, {"reset": True}])
        return out | odd

    def plugin(self, i: int) -> dict[str, Any]:
        policy = self.pick([{}, {}, {"fail_open": True}, {"failure_policy": "FAIL_OPEN"}])
        real = {"allow_on_headers_stop_iteration": True} if self.some(0.3) else {}
        names = {"name": f"p{i}", "root_id": f"r{i}", "vm_id": self.pick(["v1", f"v{i}"])}
        return {"wasm": "script.wasm", **names, "configuration": self.script() + "\n", **policy, **real}

    def case(self) -> dict[str, Any]:
        called = {
            f"s{i}": {"responses": [{"status": 200, "body": ["x"], "delay_ms": 30 * i + 5}]} for i in range(3)
        }
        up = {"http": self.pick(["1.1", "2"]), "responses": [self.response() for _ in range(2)]}
        return {
            "plugins": [self.plugin(i + 1) for i in range(self.pick([1, 1, 2, 3]))],
            "requests": [self.request() for _ in range(self.pick([1, 2]))],
            "upstreams": {"up": up, **called},
            "dead_clusters": ["dead"],
            "settle_ms": 150,
            "normalise": PLAIN,
        }


def make_case(seed: int) -> dict[str, Any]:
    """Return the case of a seed."""
    return {"name": f"random{seed}", **Generator(seed).case()}


def try_case(case: dict[str, Any], find: Any, engine: Any) -> tuple[str, list[str]]:
    """Return "same", "differs", "unsteady" or "died" for a case, and the parts that differ."""
    from pywasmvm_host.compare import record
    from pywasmvm_host.replay.compare import compare
    from pywasmvm_host.replay.run import run_case

    envoy, again = record(case, find), record(case, find)
    if "envoy_died" in envoy or "envoy_died" in again:
        return "died", []
    if compare({**case, "golden": envoy}, again):
        return "unsteady", []
    parts = list(compare({**case, "golden": envoy}, run_case(case, find, engine)))
    return ("differs" if parts else "same"), parts


def main() -> None:
    """Make cases, and run them unless they are only to be written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    counts: dict[str, int] = {}
    for seed in range(options.seed, options.seed + options.count):
        case = make_case(seed)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"{case['name']}.json").write_text(json.dumps(case, indent=1), "utf-8")
            continue
        verdict, parts = try_case(case, lambda name: HERE / name, None)
        counts[verdict] = counts.get(verdict, 0) + 1
        if parts:
            print(f"seed {seed}: {', '.join(parts)} differ", flush=True)
    if counts:
        steady = counts.get("same", 0) + counts.get("differs", 0)
        print(f"{counts.get('same', 0)} of {steady} steady cases the same; {counts}")


if __name__ == "__main__":
    main()
