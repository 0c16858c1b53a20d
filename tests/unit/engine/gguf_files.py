"""Small GGUF files, whole and malformed, written field by field."""

import struct
from dataclasses import dataclass, field

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
