"""A model that answers: steps over a cache of sequences, and what can be done with a sequence.

Mechanism only: what runs when is `scheduler`, what is where is `kvcache`.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from llama_cpp import llama_cpp as lib

from engine.base import Sampling
from engine.llama.context import (
    ABORTED,
    arm_abort,
    check,
    context_of,
    context_params,
    fill,
    tune,
)
from engine.llama.library import ModelFault, log, open_model
from engine.llama.sampler import Logits, Sampler, sampler_for
from engine.llama.vocabulary import Vocabulary
from engine.machine import Aborted, Row
from engine.state import State, room
from engine.tuning import Tuning

_ANY_TOKEN = 0


class Model:
    """A model with a cache of `sequences` × `context_tokens`; not for use by several threads.

    Every sequence has a stream of its own in the cache (`kv_unified` off), for in a shared one
    each token's attention walks over everybody's cells. The price: rows of one step share a pass
    over the weights only while their sequences' numbers follow each other.
    """

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int,
        sequences: int,
        batch_tokens: int,
        tuning: Tuning,
    ) -> None:
        """Load it. Raises `ModelFault`."""
        model = self._model = open_model(path)
        self.sequences = sequences
        self._batch_tokens = batch_tokens
        self._stop = ctypes.create_string_buffer(2)
        self._unturned: int | None = None
        self._uncopied: int | None = None
        try:
            self._context = self._new_context(context_tokens, tuning)
        except ModelFault:
            lib.llama_model_free(model)
            raise
        self._batch = lib.llama_batch_init(batch_tokens, 0, 1)
        vocabulary = lib.llama_model_get_vocab(model)
        assert vocabulary is not None
        self.vocabulary = Vocabulary(vocabulary)
        self._logits = Logits(self._context, self.vocabulary.size)
        self.can_truncate = not (
            lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model)
        )

    @property
    def context_tokens(self) -> int:
        """Tokens that a sequence may hold."""
        return lib.llama_n_ctx(self._context) // self.sequences

    @property
    def _memory(self) -> "lib.llama_memory_t":
        memory = lib.llama_get_memory(self._context)
        assert memory is not None, "a context without a cache was refused"
        return memory

    def retune(self, context_tokens: int, tuning: Tuning) -> None:
        """Compute in another way from now on; the cache is empty afterwards.

        Raises `ModelFault`, and all is as before.
        """
        context = self._new_context(context_tokens, tuning)
        lib.llama_free(self._context)
        self._context = context
        self._logits = Logits(context, self.vocabulary.size)

    def _new_context(self, context_tokens: int, tuning: Tuning) -> "lib.llama_context_p":
        params = context_params(context_tokens, self.sequences, tuning.threads, self._batch_tokens)
        tune(params, tuning)
        context = context_of(self._model, params)
        if not lib.llama_get_memory(context):
            lib.llama_free(context)
            raise ModelFault("it has no cache, so it cannot answer")
        arm_abort(context, self._stop)
        return context

    @property
    def template(self) -> str | None:
        """The chat template in the file, if there is one."""
        source = lib.llama_model_chat_template(self._model, None)
        return source.decode("utf-8", "replace") if source else None

    def decode(self, rows: Sequence[Row]) -> None:
        """Compute one step; rows in the order of their sequences, at most `batch_tokens`.

        Raises `Aborted`, or `ModelFault` when the library gives up.
        """
        self._settle(self._unturned)
        result = self._compute(rows)
        if result == ABORTED:
            log.forget()  # it is an error to the library
            raise Aborted
        check(result)

    def _compute(self, rows: Sequence[Row]) -> int:
        fill(self._batch, rows)
        return lib.llama_decode(self._context, self._batch)

    def abort(self) -> None:
        """Make the running step, or the next one, raise `Aborted`. Any thread may call it."""
        self._stop[0] = b"\x01"

    def rearm(self) -> None:
        """Take an `abort()` back."""
        self._stop[0] = b"\x00"

    def sampler(self, sampling: Sampling) -> Sampler:
        """A new sampler for one answer."""
        return sampler_for(sampling, self._logits)

    def truncate(self, sequence: int, length: int) -> int:
        """Keep the first `length` tokens of a sequence; returns how many are kept.

        Fewer are kept, none, where the architecture cannot cut a sequence (recurrent models).
        """
        if lib.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return length
        lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return 0

    @property
    def can_shift(self) -> bool:
        """Whether tokens can be taken out of a sequence's middle."""
        return self.can_truncate and lib.llama_memory_can_shift(self._memory)

    def shift(self, sequence: int, start: int, end: int) -> None:
        """Take the tokens from `start` to `end` out of a sequence and move up what follows.

        The moved entries are turned to their new places before anything else happens to them.
        """
        lib.llama_memory_seq_rm(self._memory, sequence, start, end)
        lib.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)
        self._unturned = sequence

    @property
    def _pending(self) -> int | None:
        """A sequence of which the library has put something off to the next step."""
        return self._uncopied if self._unturned is None else self._unturned

    def copy(self, source: int, target: int, length: int) -> int:
        """Put the first `length` tokens of a sequence in the place of what another one holds.

        Streams are copied as a whole and at the beginning of the next step, so this takes no time
        now; then it is one pass over as much memory as a full sequence takes.
        """
        self._settle(self._unturned)
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._uncopied = target
        return self.truncate(target, length)

    def _settle(self, sequence: int | None) -> None:
        """Turn the entries of all that was shifted and copy what is to be copied, by a step of one
        token in a `sequence` that has room; without one, the next step does.

        The library does both at the beginning of a step. One of its own, for the library saves and
        loads states as if they were done, and begins to turn anew after an abort with what was
        turned already; copies come first there, and no abort stops them.
        """
        self._unturned = self._uncopied = None
        if sequence is None:
            return
        lib.llama_set_abort_callback(self._context, lib.ggml_abort_callback(0), ctypes.c_void_p())
        held = self.held(sequence)
        result = self._compute([Row(_ANY_TOKEN, held, sequence, wanted=False)])
        arm_abort(self._context, self._stop)
        self.truncate(sequence, held)
        check(result)

    def save(self, sequence: int) -> State:
        """The state of a sequence; good for `load` into this context only."""
        self._settle(self._pending)
        number = ctypes.c_int32(sequence)
        size = lib.llama_state_seq_get_size(self._context, number)
        state = room(size)
        written = lib.llama_state_seq_get_data(self._context, _bytes_of(state), size, number)
        return state if written == size else state[:written]

    def load(self, sequence: int, state: State) -> bool:
        """Put a saved state in the place of what a sequence holds; false leaves it empty.

        Only what `save` gave in this process may come here: the library's parser trusts it.
        """
        self._settle(self._pending)
        number = ctypes.c_int32(sequence)
        if lib.llama_state_seq_set_data(self._context, _bytes_of(state), len(state), number):
            return True
        self.truncate(sequence, 0)
        return False

    def held(self, sequence: int) -> int:
        """Tokens the cache holds of a sequence."""
        return lib.llama_memory_seq_pos_max(self._memory, sequence) + 1

    def close(self) -> None:
        """Give everything back."""
        lib.llama_batch_free(self._batch)
        lib.llama_free(self._context)
        lib.llama_model_free(self._model)


def _bytes_of(state: State) -> "ctypes.Array[ctypes.c_uint8]":
    """A state as the library takes it, where it is: a pointer, whatever its Python face says."""
    place = np.frombuffer(state, np.uint8).ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
    return cast("ctypes.Array[ctypes.c_uint8]", place)
