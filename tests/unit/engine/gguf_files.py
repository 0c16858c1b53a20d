"""Small GGUF files, whole and malformed, written field by field."""

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path

U32, STRING, ARRAY, F32 = 4, 8, 9, 6


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, kind: int, value: bytes) -> bytes:
    return string(key) + struct.pack("<I", kind) + value


def u32(key: str, number: int) -> bytes:
    return pair(key, U32, struct.pack("<I", number))


def text(key: str, value: str) -> bytes:
    return pair(key, STRING, string(value))


def array(key: str, kind: int, length: int, items: bytes) -> bytes:
    return pair(key, ARRAY, struct.pack("<IQ", kind, length) + items)


def tensor(
    name: str = "w", dimensions: tuple[int, ...] = (32, 2), kind: int = 0, offset: int = 0
) -> bytes:
    header = string(name) + struct.pack("<I", len(dimensions))
    return header + struct.pack(f"<{len(dimensions)}QIQ", *dimensions, kind, offset)


@dataclass(frozen=True, slots=True)
class File:
    """A file to write; counts are right unless given."""

    magic: bytes = b"GGUF"
    version: int = 3
    pairs: tuple[bytes, ...] = (
        text("general.architecture", "llama"),
        text("general.name", "tiny"),
        u32("llama.block_count", 2),
        u32("llama.context_length", 128),
        u32("llama.embedding_length", 64),
        u32("llama.attention.head_count", 4),
        array("llama.attention.head_count_kv", U32, 2, struct.pack("<II", 1, 2)),
        array("tokenizer.ggml.tokens", STRING, 2, string("a") + string("b")),
    )
    tensors: tuple[bytes, ...] = (tensor(),)
    pair_count: int | None = None
    tensor_count: int | None = None
    data_bytes: int = 256
    more: tuple[bytes, ...] = field(default=())

    def to_bytes(self) -> bytes:
        pairs = (*self.pairs, *self.more)
        tensors = len(self.tensors) if self.tensor_count is None else self.tensor_count
        count = len(pairs) if self.pair_count is None else self.pair_count
        header = self.magic + struct.pack("<IQQ", self.version, tensors, count)
        body = header + b"".join(pairs) + b"".join(self.tensors)
        return body + b"\x00" * (-len(body) % 32) + b"\x00" * self.data_bytes


_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, U32: 4, 5: 4, F32: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_WIDTH, _INNER, _STATE, _RANK, _KERNEL = 8, 16, 4, 1, 4
_MAMBA = {
    "attn_norm.weight": (_WIDTH,),
    "ssm_in.weight": (_WIDTH, 2 * _INNER),
    "ssm_conv1d.weight": (_KERNEL, _INNER),
    "ssm_conv1d.bias": (_INNER,),
    "ssm_x.weight": (_INNER, _RANK + 2 * _STATE),
    "ssm_dt.weight": (_RANK, _INNER),
    "ssm_dt.bias": (_INNER,),
    "ssm_a": (_STATE, _INNER),
    "ssm_d": (_INNER,),
    "ssm_out.weight": (_INNER, _WIDTH),
}
"""The tensors of a layer (Gu and Dao, Mamba, section 3.4), by llama.cpp's names."""


def recurrent(whole: Path) -> bytes:
    """A model that keeps a state of each conversation and no token: Mamba, with weights of zero.

    It reads the words of the `whole` model's file. By its header, a conversation's tokens take
    memory as well, as those of a hybrid do.
    """
    tokenizer = _tokenizer(whole.read_bytes())
    words = _length(tokenizer["tokenizer.ggml.tokens"])
    parts = {
        "token_embd.weight": (_WIDTH, words),
        "output_norm.weight": (_WIDTH,),
        **{f"blk.0.{name}": dimensions for name, dimensions in _MAMBA.items()},
    }
    tensors: list[bytes] = []
    offset = 0
    for name, dimensions in parts.items():
        tensors.append(tensor(name, dimensions, offset=offset))
        offset += -(-math.prod(dimensions) * 4 // 32) * 32
    pairs = (
        text("general.architecture", "mamba"),
        u32("mamba.block_count", 1),
        u32("mamba.context_length", 4096),
        u32("mamba.embedding_length", _WIDTH),
        u32("mamba.attention.head_count", 1),
        pair("mamba.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5)),
        u32("mamba.ssm.conv_kernel", _KERNEL),
        u32("mamba.ssm.inner_size", _INNER),
        u32("mamba.ssm.state_size", _STATE),
        u32("mamba.ssm.time_step_rank", _RANK),
        *(string(key) + value for key, value in tokenizer.items()),
    )
    return File(pairs=pairs, tensors=tuple(tensors), data_bytes=offset).to_bytes()


def _tokenizer(file: bytes) -> dict[str, bytes]:
    """What a file says of how text is made of tokens: by key, the kind and the value."""
    (pairs,) = struct.unpack_from("<Q", file, at := 16)
    found: dict[str, bytes] = {}
    at += 8
    for _ in range(pairs):
        begin, key_end = at + 8, _string_end(file, at)
        (kind,) = struct.unpack_from("<I", file, key_end)
        at = _value_end(file, kind, key_end + 4)
        if file.startswith(b"tokenizer.", begin):
            found[file[begin:key_end].decode()] = file[key_end:at]
    return found


def _length(value: bytes) -> int:
    """Items of an array."""
    return struct.unpack_from("<Q", value, 8)[0]


def _string_end(file: bytes, at: int) -> int:
    return at + 8 + struct.unpack_from("<Q", file, at)[0]


def _value_end(file: bytes, kind: int, at: int) -> int:
    if kind == STRING:
        return _string_end(file, at)
    if kind != ARRAY:
        return at + _SCALAR_BYTES[kind]
    item, length = struct.unpack_from("<IQ", file, at)
    at += 12
    for _ in range(length):
        at = _value_end(file, item, at)
    return at
