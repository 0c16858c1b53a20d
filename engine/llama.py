"""llama.cpp behind plain verbs: open, tokenize, decode, sample. The only file that touches it.

Mechanism only: what runs when is `scheduler`, what is where is `kvcache`. Everything here runs in
the worker, for a failed assertion in the library ends the process that called it.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import numpy as np
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray

from engine import candidates
from engine.base import Sampling
from engine.machine import Aborted, Row
from engine.tuning import CacheType, Tuning

PENALTY_WINDOW = 64
"""Latest tokens of the answer that `repeat_penalty` applies to."""
PADDING_TOKENS = 128
"""By so many the vocabularies of two models of a family may differ (llama.cpp's `speculative`)."""
GREEDY_CANDIDATES = 64
"""Candidates of greedy sampling where a penalty may change which is the best of them."""

_OK, _NO_SLOT, _ABORTED = 0, 1, 2
_CACHE_TYPES: dict[CacheType, int] = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0}
_CANDIDATE = cast("np.dtype[np.void]", np.dtype(lib.llama_token_data))
_ERROR_LEVEL = 3
_ANY_TOKEN = 0
_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


class ModelFault(Exception):
    """The library refused a model or a step; the message is its last error line."""


class _Log:
    """The library's log, silent, with its last errors kept."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=4)
        self._callback = lib.llama_log_callback(self._note)
        lib.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _note(self, level: int, text: bytes | None, _data: object) -> None:
        line = (text or b"").decode("utf-8", "replace").strip()
        if level == _ERROR_LEVEL and line:
            self._errors.append(line)

    def last(self, default: str) -> str:
        return self._errors[0] if self._errors else default


_log = _Log()


def _load_backends() -> None:
    """Load the compute libraries, where they are apart from the library (GGML_BACKEND_DL).

    The best variant for this CPU is picked; a build with its one variant linked in has it already.
    """
    beside = Path(lib.__file__).parent / "lib"
    ggml = ctypes.CDLL(str(beside / f"libggml{_SUFFIX}"))
    ggml.ggml_backend_reg_count.restype = ctypes.c_size_t
    ggml.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
    ggml.ggml_backend_load_all_from_path.restype = None
    if ggml.ggml_backend_reg_count() == 0:
        ggml.ggml_backend_load_all_from_path(bytes(beside))


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


class Logits:
    """The logits of the last step's wanted rows; they are where the library left them."""

    def __init__(self, context: "lib.llama_context_p", size: int) -> None:
        self._context = context
        self._size = size
        self._views: dict[int, candidates.Logits] = {}

    def __getitem__(self, row: int) -> candidates.Logits:
        """Those of a row, by its index in the step; good until the next step.

        The library has few places for rows, and making a view of one takes longer than a look.
        """
        pointer = lib.llama_get_logits_ith(self._context, row)
        place = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        if place not in self._views:
            self._views[place] = np.ctypeslib.as_array(pointer, (self._size,))
        return self._views[place]


class Sampler:
    """Draws one answer's tokens; remembers them for the penalty. Must be closed.

    `best` candidates go through the library's chain, all with 0.
    """

    def __init__(self, chain: "lib.llama_sampler_p", logits: Logits, best: int) -> None:
        self._chain = chain
        self._logits = logits
        self._best = best

    def draw(self, row: int) -> int:
        """Draw the token that follows a wanted row of the last step, by its index in the step."""
        logits = self._logits[row]
        places = candidates.best(logits, self._best)
        token = int(places[0]) if len(places) == 1 else self._chosen(places, logits[places])
        lib.llama_sampler_accept(self._chain, token)
        return token

    def _chosen(self, places: "NDArray[np.intp]", logits: candidates.Logits) -> int:
        """One of several, by what the chain does with them."""
        several = np.zeros(len(places), _CANDIDATE)
        several["id"], several["logit"] = places, logits
        data = several.ctypes.data_as(lib.llama_token_data_p)
        drawing = (lib.llama_token_data_array * 1)((data, len(places), -1, False))
        lib.llama_sampler_apply(self._chain, drawing)
        return drawing[0].data[drawing[0].selected].id

    def close(self) -> None:
        """Free it; nothing may be drawn afterwards."""
        lib.llama_sampler_free(self._chain)


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
        model = self._model = _open(path)
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
        params = _context_params(context_tokens, self.sequences, tuning.threads, self._batch_tokens)
        _tune(params, tuning)
        context = _context_of(self._model, params)
        if not lib.llama_get_memory(context):
            lib.llama_free(context)
            raise ModelFault("it has no cache, so it cannot answer")
        _arm_abort(context, self._stop)
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
        if result == _ABORTED:
            raise Aborted
        _check(result)

    def _compute(self, rows: Sequence[Row]) -> int:
        _fill(self._batch, rows)
        return lib.llama_decode(self._context, self._batch)

    def abort(self) -> None:
        """Make the running step, or the next one, raise `Aborted`. Any thread may call it."""
        self._stop[0] = b"\x01"

    def rearm(self) -> None:
        """Take an `abort()` back."""
        self._stop[0] = b"\x00"

    def sampler(self, sampling: Sampling) -> Sampler:
        """A new sampler for one answer."""
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        greedy = sampling.temperature <= 0
        penalised = sampling.repeat_penalty != 1.0
        if penalised:
            penalty = lib.llama_sampler_init_penalties(
                self.vocabulary.size, PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0
            )
            lib.llama_sampler_chain_add(chain, penalty)
        for link in [lib.llama_sampler_init_greedy()] if greedy else _draw(sampling):
            lib.llama_sampler_chain_add(chain, link)
        best = sampling.top_k if not greedy else GREEDY_CANDIDATES if penalised else 1
        return Sampler(chain, self._logits, best)

    def truncate(self, sequence: int, length: int) -> int:
        """Keep the first `length` tokens of a sequence; returns how many are kept.

        Fewer are kept, none, where the architecture cannot cut a sequence (recurrent models).
        """
        if lib.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return length
        lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return 0

    def shift(self, sequence: int, start: int, end: int) -> bool:
        """Take the tokens from `start` to `end` out of a sequence and move up what follows.

        The moved entries are turned to their new places before anything else happens to them.
        False, and nothing done, where the model's cache cannot do that.
        """
        if not lib.llama_memory_can_shift(self._memory):
            return False
        if not lib.llama_memory_seq_rm(self._memory, sequence, start, end):
            return False
        lib.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)
        self._unturned = sequence
        return True

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
        _arm_abort(self._context, self._stop)
        self.truncate(sequence, held)
        _check(result)

    def save(self, sequence: int) -> bytes:
        """The state of a sequence; good for `load` into this context only."""
        self._settle(self._pending)
        number = ctypes.c_int32(sequence)
        size = lib.llama_state_seq_get_size(self._context, number)
        buffer = (ctypes.c_uint8 * size)()
        written = lib.llama_state_seq_get_data(self._context, buffer, size, number)
        return bytes(memoryview(buffer)[:written])

    def load(self, sequence: int, state: bytes | bytearray) -> bool:
        """Put a saved state in the place of what a sequence holds; false leaves it empty.

        Only what `save` gave in this process may come here: the library's parser trusts it.
        """
        self._settle(self._pending)
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        number = ctypes.c_int32(sequence)
        if lib.llama_state_seq_set_data(self._context, buffer, len(state), number):
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


class Encoder:
    """A model that reads texts and gives a vector for each; it keeps nothing of them.

    How the tokens' vectors become one is what the file says (`pooling_type`), their mean where it
    says nothing. Not for use by several threads.
    """

    def __init__(self, path: Path, *, most_tokens: int, most_texts: int, threads: int) -> None:
        """Load it; a pass has `most_tokens` of at most `most_texts`. Raises `ModelFault`."""
        self.most_tokens = most_tokens
        params = _context_params(most_tokens, most_texts, threads, most_tokens)
        params.n_ctx, params.kv_unified, params.embeddings = most_tokens, True, True
        with ExitStack() as held:
            model = _open(path)
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
            self._held = held.pop_all()

    def tokens(self, text: str) -> list[int]:
        """What the model reads of a text."""
        return self._vocabulary.tokenize(text, special=False, framed=True)

    def encode(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """The vectors of one pass; a text without tokens has zeros. Raises `ModelFault`."""
        rows = [
            Row(token, position, sequence, wanted=True)
            for sequence, tokens in enumerate(texts)
            for position, token in enumerate(tokens)
        ]
        _fill(self._batch, rows)
        if memory := lib.llama_get_memory(self._context):
            lib.llama_memory_clear(memory, True)
        result = lib.llama_decode(self._context, self._batch) if rows else _OK
        if result != _OK:
            raise ModelFault(_log.last(f"embedding failed (llama_decode: {result})"))
        return [self._vector(sequence, tokens) for sequence, tokens in enumerate(texts)]

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
    context = _context_of(model, params)
    if lib.llama_pooling_type(context) != lib.LLAMA_POOLING_TYPE_NONE:
        return context
    lib.llama_free(context)
    params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
    return _context_of(model, params)


def _context_of(
    model: "lib.llama_model_p", params: lib.llama_context_params
) -> "lib.llama_context_p":
    """Raises `ModelFault`."""
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise ModelFault(_log.last("the library could not make a context"))
    return context


def _check(result: int) -> None:
    """Raises `ModelFault` for what a step must not come to."""
    if result != _OK:
        why = "no room in the cache" if result == _NO_SLOT else "decoding failed"
        raise ModelFault(_log.last(f"{why} (llama_decode: {result})"))


def _open(path: Path) -> "lib.llama_model_p":
    _load_backends()
    model = lib.llama_model_load_from_file(bytes(path), lib.llama_model_default_params())
    if not model:
        raise ModelFault(_log.last("the library could not load it"))
    return model


def _fill(batch: lib.llama_batch, rows: Sequence[Row]) -> None:
    """Put rows into a batch, in the place of what is there."""
    batch.n_tokens = len(rows)
    for i, row in enumerate(rows):
        batch.token[i] = row.token
        batch.pos[i] = row.position
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = row.sequence
        batch.logits[i] = row.wanted


def _context_params(
    context_tokens: int, sequences: int, threads: int, batch_tokens: int
) -> lib.llama_context_params:
    params = lib.llama_context_default_params()
    params.n_ctx = context_tokens * sequences
    params.n_batch = batch_tokens
    params.n_ubatch = batch_tokens
    params.n_seq_max = sequences
    params.n_threads = threads
    params.n_threads_batch = threads
    params.kv_unified = False
    params.no_perf = True
    return params


def _tune(params: lib.llama_context_params, tuning: Tuning) -> None:
    params.n_threads_batch = tuning.prefill_threads
    params.n_ubatch = tuning.ubatch_tokens
    params.type_k = params.type_v = _CACHE_TYPES[tuning.cache_type]
    # Automatic is on wherever the library can.
    on, off = lib.LLAMA_FLASH_ATTN_TYPE_AUTO, lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.flash_attn_type = on if tuning.flash else off


def _arm_abort(context: "lib.llama_context_p", flag: "ctypes.Array[ctypes.c_char]") -> None:
    """Let `flag` stop a step.

    The library asks its callback after every node of the graph, hundreds of times a step, so a
    Python function would cost more than the scheduler. The C library's `strlen` answers the same
    question of a two-byte buffer: is there anything in it?
    """
    strlen = ctypes.cast(ctypes.CDLL(None).strlen, lib.ggml_abort_callback)
    lib.llama_set_abort_callback(context, strlen, ctypes.cast(flag, ctypes.c_void_p))


def _draw(sampling: Sampling) -> "list[lib.llama_sampler_p]":
    seed = lib.LLAMA_DEFAULT_SEED if sampling.seed is None else sampling.seed & 0xFFFFFFFF
    return [
        lib.llama_sampler_init_top_p(sampling.top_p, 1),
        lib.llama_sampler_init_min_p(sampling.min_p, 1),
        lib.llama_sampler_init_temp(sampling.temperature),
        lib.llama_sampler_init_dist(seed),
    ]
