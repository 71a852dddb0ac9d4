"""Find sequences of words that are worth a handler of their own: where pywasmvm/_fast/fusions.txt comes from.

Kernels and real filters run with a counter in each word of the compiled engine (_fast/counting.pyx). Then,
again and again, the neighbours that most often follow each other are joined, with the code laid out anew each
time as the engine would with the sequences found so far. See `python -m bench.fusions --help`.
"""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

from .filters import find_filters
from .kernels import find_kernels
from .traffic import LARGE, start_host

Sequence = tuple[str, ...]

# Units whose handlers can be parts of a fused one (_fast/generate_fused.py).
UNITS = ("flow", "move", "integer", "compare", "float", "memory")
LONGEST = 4
# Words that run less often are left out of sight, as parts of all that run.
LEAST_SHARE = 0.0003
# How many pairs are joined before the code is laid out anew.
BATCH = 6
REQUESTS = 20
STEPS_OF_KERNELS = 20.0


@dataclass
class Profile:
    """The hot words of one run in the order of the code, "" where others stand between, and their shares."""

    name: str
    words: list[str]
    shares: list[float]


def _usable() -> set[str]:
    """Return the handlers that may be parts of a sequence."""
    found: set[str] = set()
    for unit in UNITS:
        found |= set(importlib.import_module(f"pywasmvm._fast._generated_{unit}").handlers())
    return {name for name in found if "__" not in name and not name.endswith(("_free", "_x"))}


def _profile(name: str, instances: Iterable[Any]) -> Profile:
    """Return what ran in these instances."""
    from pywasmvm._fast.counting import counted

    usable = _usable()
    functions = [words for instance in instances for words in counted(instance.code)]
    total = sum(count for words in functions for _, count in words) or 1
    profile = Profile(name, [], [])
    for words in functions:
        for handler, count in [*words, ("", 0)]:
            is_hot = handler in usable and count / total >= LEAST_SHARE
            if is_hot or profile.words[-1:] != [""]:
                profile.words.append(handler if is_hot else "")
                profile.shares.append(count / total if is_hot else 0.0)
    return profile


def profile_kernel(name: str) -> Profile:
    """Run a kernel and return what ran."""
    from pywasmvm import Config, Engine, Instance, Module, Store

    (kernel,) = find_kernels((name,))
    config = Config()
    config.engine = "cython"
    store = Store(Engine(config))
    instance = Instance(store, Module(store.engine, kernel.code), [])
    instance.exports(store)["run"](store, kernel.grow(kernel.smallest, STEPS_OF_KERNELS))
    return _profile(name, [instance])


def profile_filter(item: Any) -> Profile:
    """Send a filter some requests and return what ran."""
    host = start_host("cython", [item.plugin()])
    for _ in range(REQUESTS):
        host.request(item.request())
    return _profile(item.name, [vm.instance for vm in host.vms()])


def _lengths(words: list[str], chosen: set[Sequence]) -> list[int]:
    """Return how many words the handler at each word does, as fuse.pyx lays them out."""
    from pywasmvm._fast.fuse import likelihood

    stays = [likelihood(word) if word else 0.0 for word in words]
    jumps = [0.0] * (len(words) + 1)
    lengths = [1] * len(words)
    for i in range(len(words) - 1, -1, -1):
        reaches = stays[i]
        jumps[i] = 1 + reaches * jumps[i + 1]
        for length in range(2, min(LONGEST, len(words) - i) + 1):
            reaches *= stays[i + length - 1]
            total = 1 + reaches * jumps[i + length]
            if total < jumps[i] and tuple(words[i : i + length]) in chosen:
                jumps[i], lengths[i] = total, length
    return lengths


def _starts(profile: Profile, lengths: list[int]) -> list[float]:
    """Return how often each word's handler is jumped to: not when a handler before has done its work."""
    inside = [0.0] * (len(lengths) + LONGEST)
    starts = []
    for i, length in enumerate(lengths):
        flow = max(profile.shares[i] - inside[i], 0.0)
        starts.append(flow)
        for k in range(i + 1, i + length):
            flow = min(flow, profile.shares[k])
            inside[k] += flow
    return starts


def _neighbours(profile: Profile, chosen: set[Sequence]) -> tuple[Counter[Sequence], float]:
    """Return how often what could be joined follows each other, and how many jumps are left of each."""
    from pywasmvm._fast.fuse import likelihood

    words, lengths = profile.words, _lengths(profile.words, chosen)
    starts = _starts(profile, lengths)
    found: Counter[Sequence] = Counter()
    for i, length in enumerate(lengths):
        after = i + length
        if starts[i] == 0 or after >= len(words) or length + lengths[after] > LONGEST:
            continue
        joined = tuple(words[i : after + lengths[after]])
        # why: an entry can only be the first part, and all parts but the last go on to the next word.
        goes_on = all(joined[:-1]) and joined[-1] and all(likelihood(word) for word in joined[:-1])
        if goes_on and not any(word.startswith("enter") for word in joined[1:]):
            found[joined] += min(starts[i], starts[after])  # type: ignore[assignment]
    return found, sum(starts)


def mine(profiles: list[Profile], count: int) -> tuple[dict[Sequence, float], dict[str, float]]:
    """Return sequences with what each was worth when it was found, and the jumps a word that are left."""
    chosen: dict[Sequence, float] = {}
    while True:
        total: Counter[Sequence] = Counter()
        left = {}
        for profile in profiles:
            found, left[profile.name] = _neighbours(profile, set(chosen))
            total.update(found)
        best = [item for item in total.most_common(2 * BATCH) if item[0] not in chosen][:BATCH]
        if len(chosen) >= count or not best:
            return chosen, left
        chosen.update(best[: count - len(chosen)])


@click.command()
@click.option("-k", "--kernel", "kernels", multiple=True, help="A kernel, by name.  [default: all of ours]")
@click.option("--filters/--no-filters", default=True, help="Whether the small real filters count as well.")
@click.option("-n", "--count", default=500, show_default=True, help="How many sequences to find.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: sequences with their worth, jumps left.")
def main(kernels: tuple[str, ...], filters: bool, count: int, as_json: bool) -> None:
    """Find sequences of words worth a handler of their own, the best first.

    Lines can be put into pywasmvm/_fast/fusions.txt as they are, without the number in front. Then run
    pywasmvm/_fast/generate_handlers.py and build; measure with `python -m bench -p kernels --ours`.
    """
    from pywasmvm._fast import counting

    counting.start()
    profiles = [profile_kernel(kernel.name) for kernel in find_kernels(kernels)]
    if filters:
        small = [item for item in find_filters() if item.path.stat().st_size <= LARGE]
        profiles += [profile_filter(item) for item in small]
    chosen, left = mine(profiles, count)
    if as_json:
        sequences = [{"words": words, "worth": worth} for words, worth in chosen.items()]
        click.echo(json.dumps({"sequences": sequences, "jumps_left": left}, indent=1))
        return
    for words, worth in chosen.items():
        click.echo(f"{worth:.4f}  {' '.join(words)}")
    click.echo(f"# jumps a word that are left: {sum(left.values()) / len(left):.3f}", err=True)


if __name__ == "__main__":
    main()
