"""What the random modules of a no-diff run are made of: recipes for `wasm-tools smith`, as data.

Rule 1: a recipe says which features a module may use; the same names switch them on in both engines.
Rule 2: a variant changes how code behaves (may it trap, does it end by itself), never which features it uses.
Rule 3: no recipe and no variant leaves out an instruction because engines disagree on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PAGES", "RECIPES", "TABLE_ELEMENTS", "VARIANTS", "Recipe", "Variant"]

PAGES = 10
TABLE_ELEMENTS = 100

Options = Mapping[str, "bool | int | list[int]"]

# Small modules with several of everything. Sizes are bounded and maxima required, so that what a run sees
# of growth is decided by the module and not by an engine's own limits.
_SHAPE: Options = {
    "min-types": 2,
    "max-types": 10,
    "max-type-size": 100,
    "min-funcs": 2,
    "max-funcs": 8,
    "max-instructions": 80,
    "export-everything": True,
    "max-imports": 5,
    "min-memories": 1,
    "max-memory32-bytes": PAGES << 16,
    "max-memory64-bytes": PAGES << 16,
    "memory-max-size-required": True,
    "memory-offset-choices": [90, 9, 1],
    "max-tables": 1,
    "max-table-elements": TABLE_ELEMENTS,
    "table-max-size-required": True,
    "max-globals": 8,
    "max-tags": 4,
    "max-elements": 10,
    "max-element-segments": 5,
    "max-data-segments": 5,
    # why: a constant expression costs no fuel, so nothing else would keep its arrays small.
    "limit-arrays-in-const-exprs": True,
}

_SWITCHES = (
    "bulk-memory",
    "compact-imports",
    "custom-descriptors",
    "custom-page-sizes",
    "exceptions",
    "extended-const",
    "gc",
    "memory64",
    "multi-value",
    "reference-types",
    "relaxed-simd",
    "saturating-float-to-int",
    "shared-everything-threads",
    "sign-extension-ops",
    "simd",
    "tail-call",
    "threads",
    "wide-arithmetic",
)

_SECOND = ("sign-extension-ops", "saturating-float-to-int", "bulk-memory", "reference-types", "multi-value")
_THIRD = (
    *_SECOND,
    "simd",
    "relaxed-simd",
    "tail-call",
    "extended-const",
    "gc",
    "exceptions",
    "memory64",
)
_MANY: Options = {"max-memories": 3, "max-tables": 4}


@dataclass(frozen=True)
class Variant:
    """A way for code to behave. `flags` go on smith's command line, `more` into its configuration."""

    name: str
    flags: tuple[str, ...] = ()
    more: Options = field(default_factory=dict)


VARIANTS: tuple[Variant, ...] = (
    Variant("free"),
    Variant("no-traps", more={"disallow-traps": True}),
    Variant("ends", flags=("--ensure-termination", "--fuel", "200")),
    Variant("no-traps-ends", ("--ensure-termination", "--fuel", "200"), {"disallow-traps": True}),
)


@dataclass(frozen=True)
class Recipe:
    """One kind of module.

    switches    proposals that may be used, as smith calls them.
    more        smith's options besides the common shape.
    proposals   attributes of `Config` to set for what is not in WebAssembly 3.0, the same in both engines.
    variants    the ways its code may behave, taken in turns.
    """

    name: str
    switches: tuple[str, ...] = ()
    more: Options = field(default_factory=dict)
    proposals: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = VARIANTS

    def options(self, variant: Variant) -> dict[str, bool | int | list[int]]:
        """Return the configuration to hand to smith."""
        switched = {f"{switch}-enabled": switch in self.switches for switch in _SWITCHES}
        return {**_SHAPE, **switched, **self.more, **variant.more}


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("mvp"),
        Recipe("second", _SECOND, {"max-tables": 4}),
        Recipe("simd", (*_SECOND, "simd", "relaxed-simd")),
        Recipe("tail-calls", (*_SECOND, "tail-call")),
        Recipe("exceptions", (*_SECOND, "tail-call", "exceptions")),
        Recipe("gc", (*_SECOND, "tail-call", "gc", "extended-const"), {"max-types": 20, "max-tables": 4}),
        Recipe("memories", (*_SECOND, "memory64", "extended-const", "simd"), _MANY),
        Recipe("all", _THIRD, {**_MANY, "generate-custom-sections": True}),
        Recipe(
            "proposals",
            (*_THIRD, "custom-page-sizes", "wide-arithmetic"),
            _MANY,
            ("wasm_custom_page_sizes", "wasm_wide_arithmetic"),
        ),
        # bodies are arbitrary bytes: do both engines refuse the same modules?
        Recipe("broken", _THIRD, {"allow-invalid-funcs": True, "max-funcs": 3}, variants=VARIANTS[:1]),
    )
}
