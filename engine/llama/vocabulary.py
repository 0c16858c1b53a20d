"""Text ↔ tokens, as the model's file spells them."""

import ctypes
from typing import cast

from llama_cpp import llama_cpp as lib

PADDING_TOKENS = 128
"""By so many the vocabularies of two models of a family may differ (llama.cpp's `speculative`)."""


class Vocabulary:
    """Text ↔ tokens. Safe to use from several threads, as the library's tokenizer is."""

    def __init__(self, handle: "lib.llama_vocab_p") -> None:
        self._handle = handle
        self._pieces: dict[int, bytes] = {}
        self.size = lib.llama_vocab_n_tokens(handle)
        self.bos = cast(int, lib.llama_vocab_bos(handle))
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(handle))

    def tokenize(self, text: str, *, special: bool, framed: bool = False) -> list[int]:
        """The tokens of a text; only with `special` may it spell control tokens.

        With `framed`, those stand around it that the model expects around every text.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (lib.llama_token * room)()
            count = lib.llama_tokenize(self._handle, data, len(data), tokens, room, framed, special)
            if count >= 0:
                return tokens[:count]
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for a control token."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._spell(token, special=False)
        return known

    def name(self, token: int) -> str:
        """A token's text, a control token's too; empty for none (-1)."""
        return self._spell(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def eos_name(self) -> str:
        """The text of the end token that templates know."""
        return self.name(cast(int, lib.llama_vocab_eos(self._handle)))

    def ends(self, token: int) -> bool:
        """Whether the model says with this token that its answer is over."""
        return bool(lib.llama_vocab_is_eog(self._handle, token))

    def like(self, other: "Vocabulary") -> bool:
        """Whether tokens mean the same in both; one may have some more, as padding."""
        shared = min(self.size, other.size)
        if max(self.size, other.size) - shared > PADDING_TOKENS:
            return False
        return all(self.name(token) == other.name(token) for token in range(shared))

    def _spell(self, token: int, *, special: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = lib.llama_token_to_piece(self._handle, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count
