"""The header of a GGUF file, read with suspicion before the library gets to see the file.

A model file comes from a stranger, and the library's own parser has had overflows. Here every
count, length, dimension, alignment and offset is bounded, and every tensor must lie inside the
file; what passes is what the library expects. Nothing but the header is read.

Layout: the GGUF specification, version 3 (docs/gguf.md of the ggml project).
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.base import EngineError
from engine.plan import Shape

MAX_PAIRS = 8_192
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 4_096
MAX_STRING_BYTES = 4 << 20
MAX_ARRAY = 4 << 20
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 1 << 44
MAX_HEADER_BYTES = 512 << 20
MAX_LAYERS = 4_096
MAX_HEADS = 65_536

_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

_TENSOR_TYPES = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18), 42: (64, 18),
}  # fmt: skip
"""Elements of a block and its bytes, by tensor type (gguf-py's GGML_QUANT_SIZES)."""

Value = int | float | bool | str | tuple[int | float | bool, ...]


class ModelError(EngineError):
    """A model that cannot be had or served. One sentence: what, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself. Arrays of strings (the vocabulary) are left out."""

    values: dict[str, Value]
    tensors: int
    shape: Shape

    @property
    def architecture(self) -> str:
        """The model's family, such as `llama`."""
        return str(self.values["general.architecture"])

    @property
    def name(self) -> str:
        """The model's own name, or its architecture."""
        return str(self.values.get("general.name", self.architecture))


def read_header(path: Path) -> Header:
    """Read and check a header. Raises `ModelError`."""
    try:
        with path.open("rb") as file:
            return _Reader(file, path.name).header()
    except FileNotFoundError as exc:
        raise ModelError(
            f"The model file {path} is missing; pull it again or choose another with "
            "`parley models list`."
        ) from exc
    except OSError as exc:
        raise ModelError(
            f"The model file {path} cannot be read ({exc.strerror}); check its permissions."
        ) from exc


class _Reader:
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._size = os.fstat(file.fileno()).st_size
        self._at = 0

    def header(self) -> Header:
        if self._take(4, "its magic number") != b"GGUF":
            raise self._wrong("it does not begin with GGUF", "choose a .gguf file")
        version = self._number("<I")
        if version not in (2, 3):
            raise self._wrong(
                f"its version is {version}, not 2 or 3", "choose a little-endian file made recently"
            )
        tensors = self._bounded(self._number("<Q"), MAX_TENSORS, "tensors")
        pairs = self._bounded(self._number("<Q"), MAX_PAIRS, "metadata pairs")
        values = self._values(pairs)
        extents = self._extents(tensors)
        self._check_extents(extents, self._alignment(values))
        return Header(values, tensors, self._shape(values))

    def _values(self, pairs: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        seen: set[str] = set()
        for _ in range(pairs):
            key = self._string(MAX_KEY_BYTES, "a metadata key")
            if key in seen:
                raise self._wrong(f"its metadata has {key[:64]!r} twice")
            seen.add(key)
            value = self._value(self._number("<I"))
            if value is not None:
                values[key] = value
        return values

    def _value(self, kind: int) -> Value | None:
        if kind == _STRING:
            return self._string(MAX_STRING_BYTES, "a metadata string")
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise self._wrong(f"it has a metadata value of unknown type {kind}")
        return self._scalar(_SCALARS[kind])

    def _array(self) -> Value | None:
        kind = self._number("<I")
        length = self._bounded(self._number("<Q"), MAX_ARRAY, "array elements")
        if kind == _STRING:
            for _ in range(length):
                self._take(self._string_length(MAX_STRING_BYTES, "an array's string"), "a string")
            return None
        if kind not in _SCALARS:
            raise self._wrong(f"it has an array of unknown type {kind}")
        width = struct.calcsize(_SCALARS[kind])
        data = self._take(length * width, "an array")
        # Longer ones are per token of the vocabulary, and nothing here asks for them.
        if length > MAX_LAYERS:
            return None
        return tuple(item[0] for item in struct.iter_unpack(_SCALARS[kind], data))

    def _extents(self, tensors: int) -> list[tuple[int, int]]:
        """Offset and bytes of each tensor, from the start of the data."""
        extents: list[tuple[int, int]] = []
        seen: set[str] = set()
        for _ in range(tensors):
            name = self._string(MAX_KEY_BYTES, "a tensor's name")
            if name in seen:
                raise self._wrong(f"it has the tensor {name[:64]!r} twice")
            seen.add(name)
            count = self._number("<I")
            if not 1 <= count <= MAX_DIMENSIONS:
                raise self._wrong(f"the tensor {name[:64]!r} has {count} dimensions")
            dimensions = [self._number("<Q") for _ in range(count)]
            size = self._tensor_bytes(name, dimensions, self._number("<I"))
            extents.append((self._number("<Q"), size))
        return extents

    def _tensor_bytes(self, name: str, dimensions: list[int], kind: int) -> int:
        elements = 1
        for dimension in dimensions:
            elements *= dimension
            if dimension == 0 or elements > MAX_ELEMENTS:
                raise self._wrong(f"the tensor {name[:64]!r} has an impossible dimension")
        if kind not in _TENSOR_TYPES:
            raise self._wrong(
                f"the tensor {name[:64]!r} has the unknown type {kind}",
                "choose a common quantisation such as Q4_K_M",
            )
        block, size = _TENSOR_TYPES[kind]
        if dimensions[0] % block:
            raise self._wrong(f"the tensor {name[:64]!r} is not made of whole blocks")
        return elements // block * size

    def _alignment(self, values: dict[str, Value]) -> int:
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment not in {1 << n for n in range(3, 17)}:
            raise self._wrong(f"its alignment is {alignment!r}, not a power of two from 8 to 65536")
        return alignment

    def _check_extents(self, extents: list[tuple[int, int]], alignment: int) -> None:
        start = -(-self._at // alignment) * alignment
        for offset, size in extents:
            if offset % alignment:
                raise self._wrong("a tensor's offset is not aligned")
            if start + offset + size > self._size:
                raise ModelError(
                    f"The model file {self._name} is truncated: it has {self._size} bytes and its "
                    f"header speaks of {start + offset + size} or more; pull it again."
                )

    def _shape(self, values: dict[str, Value]) -> Shape:
        architecture = values.get("general.architecture")
        if not isinstance(architecture, str) or not architecture:
            raise self._wrong("its metadata names no architecture")
        if _largest(values.get("split.count", 0)) > 1:
            raise self._wrong("it is one part of several", "merge them with llama-gguf-split")

        def value(key: str, most: int, default: int = 0) -> int:
            number = _largest(values.get(f"{architecture}.{key}", default))
            return self._bounded(number, most, key)

        heads = value("attention.head_count", MAX_HEADS)
        embedding = value("embedding_length", 1 << 24)
        length = embedding // heads if heads else 0
        return Shape(
            file_bytes=self._size,
            layers=value("block_count", MAX_LAYERS),
            heads=heads,
            kv_heads=value("attention.head_count_kv", MAX_HEADS, heads),
            embedding=embedding,
            key_length=value("attention.key_length", 1 << 20, length),
            value_length=value("attention.value_length", 1 << 20, length),
            trained_context=value("context_length", 1 << 28),
        )

    def _string(self, most: int, what: str) -> str:
        data = self._take(self._string_length(most, what), what)
        return data.decode("utf-8", "replace")

    def _string_length(self, most: int, what: str) -> int:
        return self._bounded(self._number("<Q"), most, f"bytes in {what}")

    def _number(self, form: str) -> int:
        return int(self._scalar(form))

    def _scalar(self, form: str) -> int | float | bool:
        return struct.unpack(form, self._take(struct.calcsize(form), "a number"))[0]

    def _take(self, size: int, what: str) -> bytes:
        self._at += size
        if self._at > MAX_HEADER_BYTES:
            raise self._wrong("its header is longer than any model's")
        data = self._file.read(size) if self._at <= self._size else b""
        if len(data) < size:
            raise ModelError(
                f"The model file {self._name} is truncated: it ends in its header, where {what} "
                "should be; pull it again."
            )
        return data

    def _bounded(self, number: int, most: int, what: str) -> int:
        if not 0 <= number <= most:
            raise self._wrong(f"it announces {number} {what}, and {most} is the most")
        return number

    def _wrong(self, fault: str, remedy: str = "choose another file") -> ModelError:
        return ModelError(f"The model file {self._name} is not usable: {fault}; {remedy}.")


def _largest(value: Value) -> int:
    """A whole number that may be given per layer, as its largest; -1 for anything else."""
    numbers = value if isinstance(value, tuple) else (value,)
    return max((n if isinstance(n, int) else -1 for n in numbers), default=0)
