"""What follows a row of a step: its logits where the library left them, and a draw among the best.

The best few are found by `engine.candidates`; what is done with several is the library's chain.
"""

import ctypes
from typing import cast

import numpy as np
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray

from engine import candidates
from engine.base import Sampling

PENALTY_WINDOW = 64
"""Latest tokens of the answer that `repeat_penalty` applies to."""
GREEDY_CANDIDATES = 64
"""Candidates of greedy sampling where a penalty may change which is the best of them."""

_CANDIDATE = cast("np.dtype[np.void]", np.dtype(lib.llama_token_data))


class Logits:
    """The logits of the last step's wanted rows; they are where the library left them."""

    def __init__(self, context: "lib.llama_context_p", size: int) -> None:
        self._context = context
        self.size = size
        self._views: dict[int, candidates.Logits] = {}

    def __getitem__(self, row: int) -> candidates.Logits:
        """Those of a row, by its index in the step; good until the next step.

        The library has few places for rows, and making a view of one takes longer than a look.
        """
        pointer = lib.llama_get_logits_ith(self._context, row)
        place = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        if place not in self._views:
            self._views[place] = np.ctypeslib.as_array(pointer, (self.size,))
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


def sampler_for(sampling: Sampling, logits: Logits) -> Sampler:
    """A new sampler for one answer."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    greedy = sampling.temperature <= 0
    penalised = sampling.repeat_penalty != 1.0
    if penalised:
        penalty = lib.llama_sampler_init_penalties(
            logits.size, PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0
        )
        lib.llama_sampler_chain_add(chain, penalty)
    for link in [lib.llama_sampler_init_greedy()] if greedy else _draw(sampling):
        lib.llama_sampler_chain_add(chain, link)
    best = sampling.top_k if not greedy else GREEDY_CANDIDATES if penalised else 1
    return Sampler(chain, logits, best)


def _draw(sampling: Sampling) -> "list[lib.llama_sampler_p]":
    seed = lib.LLAMA_DEFAULT_SEED if sampling.seed is None else sampling.seed & 0xFFFFFFFF
    return [
        lib.llama_sampler_init_top_p(sampling.top_p, 1),
        lib.llama_sampler_init_min_p(sampling.min_p, 1),
        lib.llama_sampler_init_temp(sampling.temperature),
        lib.llama_sampler_init_dist(seed),
    ]
