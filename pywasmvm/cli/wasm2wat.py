"""`pywasmvm wasm2wat`: the binary format to the text format."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ..binary import decode_module, decode_names, encode_module
from ..config import Features
from ..isa.model import Feature
from ..syntax.module import Module
from ..text import parse_module, print_module
from .errors import loading

__all__ = ["wasm2wat"]


def _loses_names(module: Module, text: str, features: Features) -> bool:
    """Tell whether the name section says more than the identifiers of the text."""
    again = parse_module(text, features)
    if again.names != module.names:
        return True
    # why: no text gives back encodings that are longer than needed; then the names decide alone.
    is_shortest = encode_module(module) == module.binary
    return is_shortest and encode_module(again, names=True) != module.binary


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def wasm2wat(file: BinaryIO, output: Path | None) -> None:
    """Print the binary module FILE (`-` for standard input) as text, to standard output without -o.

    Names become identifiers. If these cannot say all that the name section says, it is kept as bytes, so that
    wat2wasm gives the same module again.
    """
    features = Features(frozenset(Feature))
    with loading(file.name):
        module = decode_module(file.read(), features)
        decode_names(module)
        text = print_module(module)
        if any(section.name == "name" for section in module.customs) and _loses_names(module, text, features):
            text = print_module(module, raw_names=True)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
