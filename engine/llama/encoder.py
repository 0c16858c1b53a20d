"""A model that gives vectors: texts in, one pass, a vector for each."""

import ctypes
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from llama_cpp import llama_cpp as lib

from engine.llama.context import ABORTED, OK, context_of, context_params, fill
from engine.llama.library import ModelFault, log, open_model
from engine.llama.vocabulary import Vocabulary
from engine.machine import Aborted, Row


def _always() -> bool:
    return True


class Encoder:
    """A model that reads texts and gives a vector for each; it keeps nothing of them.

    How the tokens' vectors become one is what the file says (`pooling_type`), their mean where it
    says nothing. Not for use by several threads.
    """

    def __init__(self, path: Path, *, most_tokens: int, most_texts: int, threads: int) -> None:
        """Load it; a pass has `most_tokens` of at most `most_texts`. Raises `ModelFault`."""
        self.most_tokens = most_tokens
        params = context_params(most_tokens, most_texts, threads, most_tokens)
        params.n_ctx, params.kv_unified, params.embeddings = most_tokens, True, True
        with ExitStack() as held:
            model = open_model(path)
            held.callback(lib.llama_model_free, model)
            context = self._context = _pooling_context(model, params)
            held.callback(lib.llama_free, context)
            if lib.llama_pooling_type(context) == lib.LLAMA_POOLING_TYPE_RANK:
                raise ModelFault("it compares texts and has no vectors")
            self._batch = lib.llama_batch_init(most_tokens, 0, 1)
            held.callback(lib.llama_batch_free, self._batch)
            vocabulary = lib.llama_model_get_vocab(model)
            assert vocabulary is not None
            self._vocabulary = Vocabulary(vocabulary)
            self._size = lib.llama_model_n_embd_out(model)
            self._goes_on: Callable[[], bool] = _always
            self._asks = lib.ggml_abort_callback(self._is_over)
            lib.llama_set_abort_callback(context, self._asks, ctypes.c_void_p(0))
            self._held = held.pop_all()

    def tokens(self, text: str) -> list[int]:
        """What the model reads of a text."""
        return self._vocabulary.tokenize(text, special=False, framed=True)

    def encode(
        self, texts: Sequence[Sequence[int]], goes_on: Callable[[], bool] = _always
    ) -> list[list[float]]:
        """The vectors of one pass; a text without tokens has zeros.

        A pass can't be cut within a text, so `goes_on` is asked hundreds of times while it is
        computed, however slow the machine. Raises `Aborted` when it says no, and `ModelFault`.
        """
        rows = [
            Row(token, position, sequence, wanted=True)
            for sequence, tokens in enumerate(texts)
            for position, token in enumerate(tokens)
        ]
        fill(self._batch, rows)
        if memory := lib.llama_get_memory(self._context):
            lib.llama_memory_clear(memory, True)
        self._goes_on = goes_on
        result = lib.llama_decode(self._context, self._batch) if rows else OK
        if result == ABORTED:
            log.forget()  # it is an error to the library
            raise Aborted
        if result != OK:
            raise ModelFault(log.last(f"embedding failed (llama_decode: {result})"))
        return [self._vector(sequence, tokens) for sequence, tokens in enumerate(texts)]

    def _is_over(self, _data: object) -> bool:
        return not self._goes_on()

    def _vector(self, sequence: int, tokens: Sequence[int]) -> list[float]:
        if not tokens:
            return [0.0] * self._size
        return lib.llama_get_embeddings_seq(self._context, sequence)[: self._size]

    def close(self) -> None:
        """Give everything back."""
        self._held.close()


def _pooling_context(
    model: "lib.llama_model_p", params: lib.llama_context_params
) -> "lib.llama_context_p":
    """A context that makes one vector of a text's, as the file says or their mean."""
    context = context_of(model, params)
    if lib.llama_pooling_type(context) != lib.LLAMA_POOLING_TYPE_NONE:
        return context
    lib.llama_free(context)
    params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
    return context_of(model, params)
