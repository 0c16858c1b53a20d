"""A header is read and bounded; whatever is wrong with it, one sentence says so."""

import struct
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from engine.gguf import MAX_PAIRS, MAX_TENSORS, ModelError, read_header
from engine.plan import Shape
from tests.contract.engine_fixtures import demo_model
from tests.unit.engine.gguf_files import ARRAY, F32, U32, File, array, pair, tensor, text, u32

WHOLE = File()
NAN = struct.pack("<f", float("nan"))


def test_a_small_file_is_understood(tmp_path: Path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(WHOLE.to_bytes())

    header = read_header(path)

    assert (header.architecture, header.name, header.tensors) == ("llama", "tiny", 1)
    assert header.values["llama.attention.head_count_kv"] == (1, 2)
    assert "tokenizer.ggml.tokens" not in header.values
    assert header.shape == Shape(
        file_bytes=path.stat().st_size,
        layers=2,
        heads=4,
        kv_heads=2,
        embedding=64,
        key_length=16,
        value_length=16,
        trained_context=128,
    )


def test_the_demo_model_is_understood():
    header = read_header(demo_model().path)

    assert header.architecture == "llama"
    assert header.shape.layers == 30
    assert header.shape.trained_context == 8192


MALFORMED = {
    "other magic": (File(magic=b"GGML"), "does not begin with GGUF"),
    "old version": (File(version=1), "version is 1"),
    "big endian": (File(version=3 << 24), "version is"),
    "too many pairs": (File(pair_count=MAX_PAIRS + 1), "metadata pairs"),
    "too many tensors": (File(tensor_count=MAX_TENSORS + 1), "tensors"),
    "more pairs than there are": (File(pair_count=40), "not usable"),
    "more tensors than there are": (File(tensor_count=2), "0 dimensions"),
    "data missing": (File(data_bytes=100), "truncated"),
    "no architecture": (File(pairs=(text("general.name", "x"),)), "no architecture"),
    "key twice": (File(more=(text("general.name", "x"),)), "twice"),
    "endless key": (File(more=(struct.pack("<Q", 1 << 62),)), "is the most"),
    "endless string": (File(more=(pair("k", 8, struct.pack("<Q", 1 << 62)),)), "is the most"),
    "endless array": (File(more=(array("k", U32, 1 << 62, b""),)), "is the most"),
    "array of arrays": (File(more=(array("k", ARRAY, 1, b""),)), "unknown type"),
    "array of strangers": (File(more=(array("k", 99, 1, b""),)), "unknown type 99"),
    "value of a stranger": (File(more=(pair("k", 99, b""),)), "unknown type 99"),
    "zero alignment": (File(more=(u32("general.alignment", 0),)), "alignment"),
    "odd alignment": (File(more=(u32("general.alignment", 33),)), "alignment"),
    "huge alignment": (File(more=(u32("general.alignment", 1 << 31),)), "alignment"),
    "text alignment": (File(more=(text("general.alignment", "32"),)), "alignment"),
    "no dimensions": (File(tensors=(tensor(dimensions=()),)), "0 dimensions"),
    "five dimensions": (File(tensors=(tensor(dimensions=(32, 1, 1, 1, 1)),)), "5 dimensions"),
    "zero dimension": (File(tensors=(tensor(dimensions=(32, 0)),)), "impossible dimension"),
    "huge dimension": (File(tensors=(tensor(dimensions=(1 << 63, 2)),)), "impossible dimension"),
    "product overflows": (
        File(tensors=(tensor(dimensions=(1 << 32, 1 << 32)),)),
        "impossible dimension",
    ),
    "unknown type": (File(tensors=(tensor(kind=77),)), "unknown type 77"),
    "broken block": (File(tensors=(tensor(dimensions=(31, 2), kind=2),)), "whole blocks"),
    "offset outside": (File(tensors=(tensor(offset=1 << 40),)), "truncated"),
    "offset askew": (File(tensors=(tensor(offset=1),)), "not aligned"),
    "tensor twice": (File(tensors=(tensor(), tensor())), "twice"),
    "endless layers": (File(more=(u32("llama.expert", 1), u32("split.count", 3))), "several"),
    "too many layers": (
        File(pairs=(text("general.architecture", "x"), u32("x.block_count", 1 << 30))),
        "block_count",
    ),
    "strange head count": (
        File(
            pairs=(text("general.architecture", "x"), pair("x.block_count", F32, b"\0\0\xc0\x7f"))
        ),
        "block_count",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_refused_by_name(name: str, tmp_path: Path):
    file, fault = MALFORMED[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(file.to_bytes())

    with pytest.raises(ModelError) as caught:
        read_header(path)

    assert fault in str(caught.value)
    assert "bad.gguf" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_missing_and_unreadable_files_are_said_so(tmp_path: Path):
    with pytest.raises(ModelError, match="is missing"):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        read_header(tmp_path)


whole = WHOLE.to_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(0, len(whole)),
    flips=st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8),
)
def test_no_damage_raises_anything_else(tmp_path: Path, cut: int, flips: list[tuple[int, int]]):
    damaged = bytearray(whole)
    for at, value in flips:
        damaged[at] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(bytes(damaged[:cut]))

    with suppress(ModelError):
        assert read_header(path).architecture
