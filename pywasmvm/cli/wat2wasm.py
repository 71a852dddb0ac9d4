"""`pywasmvm wat2wasm`: the text format to the binary format."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ..binary import encode_module
from ..config import Features
from ..isa.model import Feature
from ..text import parse_module
from .errors import loading

__all__ = ["wat2wasm"]


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def wat2wasm(file: BinaryIO, output: Path | None) -> None:
    """Assemble FILE (`-` for standard input) into a binary module, every proposal included.

    Without -o the output stands beside FILE with the suffix .wasm; for standard input it goes to standard
    output. The module is not validated.
    """
    with loading(file.name):
        data = encode_module(parse_module(file.read(), Features(frozenset(Feature))), names=True)
    if output is None and file.name not in ("-", "<stdin>"):
        output = Path(file.name).with_suffix(".wasm")
    if output is None:
        click.echo(data, nl=False)
    else:
        output.write_bytes(data)
