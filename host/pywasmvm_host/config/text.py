"""Reading YAML and JSON, one document or several, and refusing keys given twice.

YAML needs the package pyyaml (extra `config`); JSON does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import ConfigError

__all__ = ["read_documents", "read_file"]


def read_file(path: Path) -> str:
    """Return a file's text. Raises ConfigError that names the file if it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as e:
        raise ConfigError(f"cannot read {path}: {e.strerror or e}") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: not text: {e.reason} at byte {e.start}") from e
    except ValueError as e:
        raise ConfigError(f"{str(path)!r} is no file name: {e}") from e


def read_documents(text: str, what: str) -> list[Any]:
    """Return the documents of a text. Raises ConfigError with line and column."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return [json.loads(text, object_pairs_hook=lambda pairs: _no_twins(pairs, what))]
        except ValueError as json_error:
            try:
                return _yaml(text, what)  # YAML's flow style begins like JSON
            except ConfigError:
                raise ConfigError(f"{what}: {json_error}") from json_error
    return _yaml(text, what)


def _no_twins(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise ConfigError(f"{what}: the key {key!r} is given twice in one object")
        out[key] = value
    return out


def _yaml(text: str, what: str) -> list[Any]:
    try:
        import yaml  # noqa: PLC0415
    except ImportError as e:
        raise ConfigError(f"{what}: YAML needs the package pyyaml: pip install 'pywasmvm[config]'") from e

    class Loader(yaml.SafeLoader):
        """SafeLoader that refuses duplicate keys and leaves timestamps as text, as Envoy's parser does."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                if isinstance(name, dict | list):
                    raise ConfigError(f"{_place(what, key.start_mark)}: a key must be text")
                if name in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise ConfigError(f"{_place(what, key.start_mark)}: the key {name!r} is given twice")
                seen.add(name)
            return super().construct_mapping(node, deep)

    def plain(loader: Any, node: Any) -> str:
        return str(node.value)

    Loader.add_constructor("tag:yaml.org,2002:timestamp", plain)
    try:
        return [d for d in yaml.load_all(text, Loader) if d is not None]
    except yaml.MarkedYAMLError as e:
        raise ConfigError(f"{_place(what, e.problem_mark)}: {e.problem or 'not YAML'}") from e
    except yaml.YAMLError as e:
        raise ConfigError(f"{what}: {' '.join(str(e).split())}") from e
    except RecursionError as e:
        raise ConfigError(f"{what}: nested too deeply") from e


def _place(what: str, mark: Any) -> str:
    return f"{what}:{mark.line + 1}:{mark.column + 1}" if mark is not None else what
