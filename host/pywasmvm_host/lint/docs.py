"""Write docs/lint.md from the table of rules: `python -m pywasmvm_host.lint.docs > docs/lint.md`."""

from __future__ import annotations

import sys

from .rules import RULES

__all__ = ["render"]

HEAD = """# What `pywasmvm lint` looks for

Written from the table in `host/pywasmvm_host/lint/rules.py` by
`python -m pywasmvm_host.lint.docs`; do not edit.

    pywasmvm lint filter.wasm --config config.json
    pywasmvm lint envoy.yaml --json

Exit status 1 if there is a finding of severity error, else 0. "In Envoy" says
what Envoy 1.40 does, as measured.
"""
SUBJECTS = {
    "module": (
        "Modules",
        "Read from the module; nothing of it runs but its start section, with imports that do nothing.",
    ),
    "config": ("Configurations", "Read from an Envoy, Istio or Higress configuration."),
    "run": (
        "Runs",
        "Seen while a few requests go through the filters here; `--no-run` leaves them out.",
    ),
}


def render() -> str:
    """Return the page."""
    out = [HEAD]
    for subject, (title, text) in SUBJECTS.items():
        out.append(f"## {title}\n\n{text}\n")
        for r in RULES:
            if r.subject == subject:
                out.append(
                    f"### {r.id} ({r.severity}): {r.title}\n\nIn Envoy: {r.why}.\n\nInstead: {r.fix}.\n"
                )
    return "\n".join(out)


if __name__ == "__main__":
    sys.stdout.write(render())
