"""What is said of a model that cannot be loaded."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.frames import Load
from engine.gguf import ModelError
from engine.loading import open_encoder, open_model
from engine.plan import Plan, available_bytes
from tests.unit.engine.gguf_files import File, text, u32

LAYERS = 64


def large_model(path: Path) -> Load:
    """A model of which 2,048 tokens take more memory than there is; in q8_0 they do not."""
    number_bytes = 2
    key = available_bytes() // 1500 // (2 * LAYERS * number_bytes)
    pairs = (
        text("general.architecture", "llama"),
        u32("llama.block_count", LAYERS),
        u32("llama.context_length", 4096),
        u32("llama.embedding_length", 64),
        u32("llama.attention.head_count", 1),
        u32("llama.attention.key_length", key),
        u32("llama.attention.value_length", key),
    )
    path.write_bytes(File(pairs=pairs).to_bytes())
    return Load(str(path), "", "large", Plan())


def test_a_model_that_answers_is_too_large_with_these_settings(tmp_path: Path):
    with pytest.raises(ModelError) as caught:
        open_model(large_model(tmp_path / "large.gguf"))

    said = str(caught.value)
    assert "MB with 8 conversations at once and" in said
    assert "; set engine.sequences = 1, engine.context_tokens = 2048" in said
    assert said.endswith(", or choose a smaller model.")


def test_one_that_embeds_is_too_large_whatever_the_settings_are(tmp_path: Path):
    with pytest.raises(ModelError) as caught:
        open_encoder(replace(large_model(tmp_path / "large.gguf"), purpose="embed"))

    said = str(caught.value)
    assert "MB to embed and" in said
    assert "engine." not in said
    assert said.endswith("; choose a smaller model.")
