"""A model that embeds: it is asked in a pass, and one that is refused gives back all it took."""

import resource
import struct
from pathlib import Path

import pytest

from engine.llama import Encoder, ModelFault
from engine.llama.context import NO_SLOT, check
from engine.llama.library import open_model
from engine.machine import Aborted
from tests.contract.engine_fixtures import demo_model
from tests.unit.engine.gguf_files import text, u32

ALIGNMENT_BYTES = 32
RANKS = 4
"""`LLAMA_POOLING_TYPE_RANK`."""


def ranking_model(path: Path) -> Path:
    """The demo model with a header that says that it compares texts."""
    whole = demo_model().path.read_bytes()
    (pairs,) = struct.unpack_from("<Q", whole, 16)
    kind = u32("llama.pooling_type", RANKS)
    padding = text("padding", " " * (-len(kind + text("padding", "")) % ALIGNMENT_BYTES))
    path.write_bytes(whole[:16] + struct.pack("<Q", pairs + 2) + kind + padding + whole[24:])
    return path


def refused(path: Path) -> int:
    """Try to open it; returns what the process has mapped afterwards, in MB."""
    with pytest.raises(ModelFault, match="compares texts"):
        Encoder(path, most_tokens=2048, most_texts=4, threads=1)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize() >> 20


def test_a_model_that_only_compares_texts_is_refused_and_leaves_nothing_behind(tmp_path: Path):
    path = ranking_model(tmp_path / "ranks.gguf")
    before_mb = refused(path)

    grown_mb = [refused(path) for _ in range(3)][-1] - before_mb

    assert path.name not in Path("/proc/self/maps").read_text()
    assert grown_mb < 50  # a context is hundreds


def test_the_cause_of_one_fault_is_not_told_of_the_next(tmp_path: Path):
    encoder = Encoder(demo_model().path, most_tokens=512, most_texts=4, threads=1)
    with pytest.raises(Aborted):
        encoder.encode([encoder.tokens("The fox sleeps. " * 20)], lambda: False)
    encoder.close()
    with pytest.raises(ModelFault, match="no room in the cache"):
        check(NO_SLOT)

    (tmp_path / "noise.gguf").write_bytes(b"noise")
    with pytest.raises(ModelFault, match="magic"):
        open_model(tmp_path / "noise.gguf")

    with pytest.raises(ModelFault, match="no room in the cache"):
        check(NO_SLOT)


def test_a_pass_that_nobody_waits_for_any_more_is_broken_off_and_the_next_one_is_whole():
    encoder = Encoder(demo_model().path, most_tokens=512, most_texts=4, threads=1)
    text = encoder.tokens("The fox sleeps. " * 20)
    (whole,) = encoder.encode([text])
    asked = 0

    def goes_on() -> bool:
        nonlocal asked
        asked += 1
        return asked < 100

    with pytest.raises(Aborted):
        encoder.encode([text], goes_on)
    assert asked == 100
    assert encoder.encode([text]) == [pytest.approx(whole, rel=1e-3, abs=1e-3)]
    encoder.close()
