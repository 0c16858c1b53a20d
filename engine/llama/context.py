"""A context: how the library computes a model's steps, and what a step is given and comes to.

`Model` and `Encoder` hold one each; what they do with it is theirs.
"""

import ctypes
from collections.abc import Sequence

from llama_cpp import llama_cpp as lib

from engine.llama.library import ModelFault, log
from engine.machine import Row
from engine.tuning import CacheType, Tuning

OK, NO_SLOT, ABORTED = 0, 1, 2
"""What a step comes to (`llama_decode`); anything else is a fault."""

_CACHE_TYPES: dict[CacheType, int] = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0}


def context_params(
    context_tokens: int, sequences: int, threads: int, batch_tokens: int
) -> lib.llama_context_params:
    """What every context of ours has in common: a stream of the cache for each sequence."""
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


def tune(params: lib.llama_context_params, tuning: Tuning) -> None:
    """Have it computed as was found to be fast here."""
    params.n_threads_batch = tuning.prefill_threads
    params.n_ubatch = tuning.ubatch_tokens
    params.type_k = params.type_v = _CACHE_TYPES[tuning.cache_type]
    # Automatic is on wherever the library can.
    on, off = lib.LLAMA_FLASH_ATTN_TYPE_AUTO, lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.flash_attn_type = on if tuning.flash else off


def context_of(
    model: "lib.llama_model_p", params: lib.llama_context_params
) -> "lib.llama_context_p":
    """A context with these, to be freed by the caller. Raises `ModelFault`."""
    log.forget()
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise ModelFault(log.last("the library could not make a context"))
    return context


def arm_abort(context: "lib.llama_context_p", flag: "ctypes.Array[ctypes.c_char]") -> None:
    """Let `flag` stop a step.

    The library asks its callback after every node of the graph, hundreds of times a step, so a
    Python function would cost more than the scheduler. The C library's `strlen` answers the same
    question of a two-byte buffer: is there anything in it?
    """
    strlen = ctypes.cast(ctypes.CDLL(None).strlen, lib.ggml_abort_callback)
    lib.llama_set_abort_callback(context, strlen, ctypes.cast(flag, ctypes.c_void_p))


def fill(batch: lib.llama_batch, rows: Sequence[Row]) -> None:
    """Put rows into a batch, in the place of what is there."""
    batch.n_tokens = len(rows)
    for i, row in enumerate(rows):
        batch.token[i] = row.token
        batch.pos[i] = row.position
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = row.sequence
        batch.logits[i] = row.wanted


def check(result: int) -> None:
    """Raises `ModelFault` for what a step must not come to."""
    if result != OK:
        why = "no room in the cache" if result == NO_SLOT else "decoding failed"
        raise ModelFault(log.last(f"{why} (llama_decode: {result})"))
