"""WasmPlugin resources of Istio and Higress, and the images modules are shipped in."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="YAML configurations need pyyaml (extra `config`)")

from pywasmvm_host import ConfigError, FailurePolicy
from pywasmvm_host.config import load_plugins, unpack_bytes, unpack_path
from pywasmvm_host.config.unpack import WASM_LAYER

WASM = b"\0asm\1\0\0\0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f.wasm").write_bytes(WASM)
    return tmp_path


def resource(name: str = "p", group: str = "extensions.istio.io", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"url": "file://f.wasm", **spec},
    }


def load(folder: Path, *documents: dict[str, Any], **options: Any) -> list[Any]:
    path = folder / "plugins.yaml"
    path.write_text(
        "\n---\n".join(json.dumps(d) for d in documents) if len(documents) > 1 else json.dumps(documents[0])
    )
    if len(documents) > 1:
        path.write_text("---\n" + path.read_text())
    return load_plugins(path, **options)


def test_istio(folder: Path) -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": "HOST"},
        {"name": "C", "valueFrom": "HOST"},
    ]
    spec: dict[str, Any] = {
        "pluginConfig": {"z": 1.0, "a": [2.5, True]},
        "pluginName": "root",
        "vmConfig": {"env": env},
    }
    (plugin,) = load(folder, resource(failStrategy="FAIL_OPEN", **spec), environment={"B": "b"})
    assert plugin.configuration == '{"a":[2.5,true],"z":1}'
    assert (plugin.name, plugin.root_id, plugin.vm_id) == ("ns.p", "root", "")
    assert plugin.failure_policy is FailurePolicy.FAIL_OPEN
    assert plugin.environment == {"A": "1", "B": "b"}


def test_order_is_phase_then_priority(folder: Path) -> None:
    made = load(
        folder,
        resource("last"),
        resource("stats", phase="STATS", priority=1),
        resource("low", phase="AUTHN"),
        resource("high", phase="AUTHN", priority=10),
    )
    assert [p.name for p in made] == ["ns.high", "ns.low", "ns.stats", "ns.last"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"pluginConfg": {}}, "spec.pluginConfg: unknown field; did you mean pluginConfig?"),
        ({"phase": "AUTH"}, "spec.phase: want one of"),
        ({"url": "ftp://x"}, "spec.url: the scheme ftp"),
        ({"url": "oci://x/y:1"}, "nothing is fetched unasked"),
        ({"sha256": "abc"}, "spec.sha256: want 64 hex digits"),
        ({"sha256": "0" * 64}, "spec.sha256: is 000"),
        (
            {"vmConfig": {"env": [{"name": "A", "valueFrom": "HOST", "value": "x"}]}},
            "only if valueFrom is INLINE",
        ),
        ({"vmConfig": {"env": [{"name": "A"}, {"name": "A"}]}}, "env[1].name: the name A is given twice"),
        ({"defaultConfig": {}}, "spec.defaultConfig: unknown field"),
    ],
)
def test_istio_refusals(folder: Path, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as e:
        load(folder, resource(**spec))
    assert words in str(e.value)


HIGRESS = "extensions.higress.io"


def test_higress_folds_rules(folder: Path) -> None:
    rules = [
        {"ingress": ["a", "b"], "config": {"k": 2}},
        {"domain": ["*.x.test"], "service": ["s.dns"], "config": {"k": 3}},
        {"ingress": ["c"], "configDisable": True},
    ]
    (plugin,) = load(folder, resource(group=HIGRESS, defaultConfig={"k": 1}, matchRules=rules))
    assert json.loads(plugin.configuration) == {
        "k": 1,
        "_rules_": [
            {"k": 2, "_match_route_": ["a", "b"]},
            {"k": 3, "_match_service_": ["s.dns"], "_match_domain_": ["*.x.test"]},
        ],
    }
    (only,) = load(
        folder, resource(group=HIGRESS, defaultConfig={"k": 1}, defaultConfigDisable=True, matchRules=rules)
    )
    assert set(json.loads(only.configuration)) == {"_rules_"}
    with pytest.raises(ConfigError, match=r"matchRules\[0\]: names no ingress"):
        load(folder, resource(group=HIGRESS, matchRules=[{"config": {}}]))


# ---- images
def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def image(layers: list[tuple[str, bytes]], *, nested: bool = False) -> dict[str, bytes]:
    """Make the files of an image layout."""
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def add(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        files[f"blobs/sha256/{digest}"] = data
        return "sha256:" + digest

    made = [{"mediaType": kind, "digest": add(data), "size": len(data)} for kind, data in layers]
    digest = add(json.dumps({"schemaVersion": 2, "layers": made}).encode())
    if nested:
        digest = add(json.dumps({"schemaVersion": 2, "manifests": [{"digest": digest}]}).encode())
    files["index.json"] = json.dumps({"manifests": [{"digest": digest}]}).encode()
    return files


PACKED = tar({"other.txt": b"x", "plugin.wasm": WASM})
LAYOUTS = {
    "docker": [("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip.compress(PACKED))],
    "oci": [
        ("application/vnd.oci.image.layer.v1.tar", tar({"no": b""})),
        ("application/vnd.oci.image.layer.v1.tar", PACKED),
    ],
    "artifact": [("application/vnd.module.wasm.config.v1+json", b"{}"), (WASM_LAYER, WASM)],
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("nested", [False, True])
def test_image_layouts(name: str, nested: bool, folder: Path) -> None:
    files = image(LAYOUTS[name], nested=nested)
    for path, data in files.items():
        (folder / "img" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "img" / path).write_bytes(data)
    assert unpack_path(folder / "img") == WASM
    assert unpack_bytes(tar(files), "x") == unpack_bytes(gzip.compress(tar(files)), "x") == WASM
    url = "oci://registry.test/p:1"
    (plugin,) = load(folder, resource(url=url), remote={url: folder / "img"})
    assert plugin.read() == WASM
    manifest = next(k for k, v in files.items() if b'"layers"' in v).rpartition("/")[2]
    (plugin,) = load(folder, resource(url=url, sha256=manifest), remote={url: folder / "img"})
    with pytest.raises(ConfigError, match="sha256: is 1111"):
        load(folder, resource(url=url, sha256="1" * 64), remote={url: folder / "img"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"text", "neither wasm, gzip nor tar"),
        (gzip.compress(b"text"), "neither wasm"),
        (gzip.compress(WASM)[:-9], "broken gzip"),
        (tar({"a.txt": b"x"}), "no .wasm file"),
        (tar({"plugin.wasm": b"x"}), "is no WebAssembly module"),
        (tar({"index.json": b"{"}), "broken JSON"),
        (tar({"index.json": b"{}"}), "names no manifest"),
        (
            tar(
                {**image(LAYOUTS["artifact"]), "index.json": b'{"manifests":[{"digest":"sha256:../../etc"}]}'}
            ),
            "bad digest",
        ),
    ],
)
def test_broken_packages(data: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        unpack_bytes(data, "it")


def test_a_changed_blob_is_refused() -> None:
    files = image(LAYOUTS["artifact"])
    name = next(k for k, v in files.items() if v == WASM)
    with pytest.raises(ConfigError, match="has the digest"):
        unpack_bytes(tar({**files, name: WASM + b"x"}), "it")


def test_envoy_takes_no_packed_file(folder: Path) -> None:
    (folder / "f.gz").write_bytes(gzip.compress(WASM))
    config = {"vm_config": {"code": {"local": {"filename": "f.gz"}}}}
    with pytest.raises(ConfigError, match="filename: is gzip; Envoy takes only a plain module"):
        load(folder, config)
