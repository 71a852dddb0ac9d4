"""`pywasmvm run CONFIG.yaml`: the plugins of a configuration instead of bare modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")
pytest.importorskip("yaml", reason="YAML configurations need pyyaml (extra `config`)")

from click.testing import CliRunner
from pywasmvm_host import ConfigError
from pywasmvm_host.cli.run import run

from pywasmvm import wat2wasm

# answers true only when the plugin configuration has so many bytes: {"k":1} has seven
FILTER = """(module (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.eq (local.get 1) (i32.const 5))))"""
CONFIG = """
kind: WasmPlugin
apiVersion: extensions.istio.io/v1alpha1
metadata: {name: p}
spec:
  url: file://filter.wasm
  pluginConfig: {%s: 1}
"""


def write(folder: Path, key: str) -> str:
    (folder / "filter.wasm").write_bytes(bytes(wat2wasm(FILTER)))
    path = folder / "plugin.yaml"
    path.write_text(CONFIG % key)
    return str(path)


def test_run_takes_a_configuration(tmp_path: Path) -> None:
    refused = CliRunner().invoke(run, [write(tmp_path, "k"), "--engine", "python", "--json"])
    assert refused.exit_code == 1
    (tmp_path / "filter.wasm").write_bytes(bytes(wat2wasm(FILTER.replace("const 5", "const 7"))))
    served = CliRunner().invoke(run, [str(tmp_path / "plugin.yaml"), "--engine", "python", "--json"])
    assert json.loads(served.stdout)["response"]["status"] == 200


def test_run_refuses_a_broken_configuration(tmp_path: Path) -> None:
    path = Path(write(tmp_path, "k"))
    path.write_text(path.read_text().replace("pluginConfig", "pluginConfg"))
    result = CliRunner().invoke(run, [str(path)])
    assert isinstance(result.exception, ConfigError)
    assert "spec.pluginConfg: unknown field; did you mean pluginConfig?" in str(result.exception)
