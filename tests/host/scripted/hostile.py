"""Random calls with hostile arguments, by the filter that follows a script: none ends in an error of Python.

python hostile.py --count 1000 --seed 1 [--engine python]

What a host says of a case as a HostError, a status or a failed plugin is right by definition here; what is
looked for is what nobody thought of. A seed makes the same case for ever.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import random
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Words that name something, and words that are no number, no text, no path, no message.
NAMES = b"""
~ x-a :status :path :authority :method :scheme content-length transfer-encoding connection te upgrade
expect host grpc-status grpc-timeout grpc-message content-type location cookie set-cookie date server via
x-forwarded-for x-forwarded-proto x-envoy-retry-on x-envoy-max-retries x-envoy-retriable-status-codes
x-envoy-upstream-rq-timeout-ms x-envoy-upstream-alt-stat-name chunked 100-continue websocket close
keep-alive GET HEAD CONNECT s0 s1 dead nocluster up svc m 5xx retriable-status-codes 200 999 099 abc 1,2
request|headers|x-a request|time response|code filter_state|k xds|route_metadata metadata connection|id
upstream|address request| | || node|id wasm_need_rebuild clear_route_cache compress uncompress
verify_signature sign expr_create expr_evaluate expr_delete set_envoy_filter_state declare_property
get_log_level
""".split()
WRONG = [
    b"9" * 5000, b"\xb2", b"-1", b"+1", b"0x10", b"1e9", b"18446744073709551616", b"\xff\xfe", b"\0",
    b"a\0b", b"a\rb", b"/", b"//", b"/%", b"/%zz", b"/?#", b"?", b"*", b"http://h/x", b"http://[::1",
    b"[::1]:80", b"h:99999", b"h:x", b":", b"@", b"G\xcaT", b"k" * 2000, b"1+1", b"request.path+1",
    b"[1,2][9]", b"'a'.matches('(')", b"size(request.headers)", b"\x08\x01", b"\x0a\xff\xff\xff\xff\x0f",
    b"\x10\x01\x08\x05", b"\0\0\0\0", b"\1\0\0\0\xff\xff\xff\x7f", b"\1\0\0\0\1\0\0\0\1\0\0\0a\0b\0",
]  # fmt: skip
NUMBERS = [b"%d" % n for n in (*range(10), 100, 200, 204, 304, 503, 1000, -1, 99999, 1 << 31, (1 << 32) - 1)]
# Arguments of the script's calls: w word, n number, p pairs, m pairs with a request's pseudo-headers, $ what
# the last call returned or a number, e context.
CALLS = {
    "log": "nw", "hsize": "n", "hpairs": "n", "hget": "nw", "hadd": "nww", "hrep": "nww", "hrem": "nw",
    "hset": "np", "hraw": "nw", "bget": "nnn", "bset": "nnnw", "bstat": "n", "local": "nwwnp",
    "call": "wnwm/p", "get": "wn", "gcall": "wwwnwp", "gstream": "wwwp", "gsend": "wn", "gcancel": "",
    "gclose": "", "status": "", "prop": "w", "sprop": "ww", "sget": "w", "sset": "wwn", "qreg": "w",
    "qres": "ww", "qenq": "nw", "qdeq": "n", "mdef": "nw", "minc": "$n", "mrec": "$n", "mget": "$",
    "ff": "ww", "tick": "n", "eff": "e", "done": "", "cont": "n", "close": "n", "level": "", "oob": "",
    "grow": "n", "ret": "n", "trap": "", "deep": "", "oobtrap": "", "div": "",
}  # fmt: skip
WEIGHTS = {
    **dict.fromkeys(("hrep", "hadd"), 3.0),
    **dict.fromkeys(("hset", "call", "gcall", "gstream", "ff"), 2.0),
    **dict.fromkeys(("grow", "done", "close"), 0.3),
    **dict.fromkeys(("trap", "deep", "oobtrap", "div"), 0.05),
}
SECTIONS = """
    root create configure vm_start tick reqh reqb reqt resh resb rest done log delete http ginit gmsg gtrail
    gend queue foreign
""".split()
FILTERS = ("script.wasm", "script.wasm", "script10.wasm", "script20.wasm", "scriptfew.wasm")


class Hostile:
    """Draws scripts. Every method draws from the same source, so their order is part of a seed's meaning."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)

    def word(self) -> bytes:
        r = self.r
        word = r.choice(NAMES if r.random() < 0.6 else WRONG)
        if r.random() < 0.15:
            word += r.choice(WRONG)[:50]
        if r.random() < 0.05:
            word = bytes(r.randrange(33, 256) for _ in range(r.randrange(1, 12)))
        return word

    def pairs(self) -> bytes:
        return b" ".join(self.word() + b" " + self.word() for _ in range(self.r.randrange(4)))

    def argument(self, kind: str) -> bytes:
        if kind == "w":
            return self.word()
        if kind == "m" and self.r.random() < 0.7:
            return b":method GET :path /call :authority example.test " + self.pairs()
        if kind in "mp":
            return self.pairs()
        if kind == "$" and self.r.random() < 0.5:
            return b"$"
        if kind == "e":
            return self.r.choice([b"s", b"r", *NUMBERS])
        return kind.encode() if kind == "/" else self.r.choice(NUMBERS)

    def line(self) -> bytes:
        weights = [WEIGHTS.get(name, 1.0) for name in CALLS]
        name = self.r.choices(list(CALLS), weights)[0]
        return b" ".join([name.encode(), *(self.argument(kind) for kind in CALLS[name])])

    def script(self) -> bytes:
        out = []
        for section in SECTIONS:
            if self.r.random() < 0.5:
                out += [b"@" + section.encode(), *(self.line() for _ in range(self.r.randrange(1, 5)))]
        return b"\n".join([*out, b""])

    def header(self) -> list[str]:
        return [self.word().decode("latin-1"), self.word().decode("latin-1")]


def load_generate() -> Any:
    """Return generate.py, whatever the place this is run from."""
    spec = importlib.util.spec_from_file_location("generate", HERE / "generate.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


GENERATE = load_generate()


def make_case(seed: int) -> dict[str, Any]:
    """Return the case of a seed: one of generate.py's with hostile scripts, headers and answers."""
    case: dict[str, Any] = GENERATE.make_case(seed)
    hostile = Hostile(seed)
    for plugin in case["plugins"]:
        plugin["configuration"] = {"b64": base64.b64encode(hostile.script()).decode()}
        plugin["wasm"] = hostile.r.choice(FILTERS)
        if hostile.r.random() < 0.2:
            plugin.pop("fail_open", None)
            plugin["failure_policy"] = "FAIL_RELOAD"
    answers = [a for upstream in case["upstreams"].values() for a in upstream["responses"]]
    for message in (*case["requests"], *answers):
        if hostile.r.random() < 0.3:
            message["headers"] = [*message.get("headers", []), hostile.header()]
    return case


def main() -> int:
    """Run cases; return 1 if one ended in an error that is none of the host's own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("python", "cython"), default="cython")
    options = parser.parse_args()
    from pywasmvm_host import HostError
    from pywasmvm_host.replay.player import Player

    player, found = Player(options.engine), Counter[str]()
    for seed in range(options.seed, options.seed + options.count):
        try:
            player.play(make_case(seed), lambda name: HERE / name)
        except HostError:
            continue
        except Exception as error:  # noqa: BLE001 - why: that is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {str(error)[:100]} ({Path(last.filename).name}:{last.lineno})"
            found[what] += 1
            if found[what] == 1:
                print(f"seed {seed}: {what}", flush=True)
    print(f"{options.count:,} cases, {found.total():,} errors of {len(found)} kinds")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
