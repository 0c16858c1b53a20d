"""PURE. Which faults of a platform pass, and how long to wait before the next attempt."""

import tenacity

from adapters.base import AdapterError, Ambiguous, RateLimited, Rejected

LONGEST_PAUSE_S = 60.0
_growing = tenacity.wait_exponential_jitter(multiplier=0.5, max=LONGEST_PAUSE_S, jitter=0.5)


def is_passing(error: BaseException) -> bool:
    """Whether another attempt may succeed."""
    return isinstance(error, AdapterError) and not isinstance(error, Rejected)


def pause_s(state: tenacity.RetryCallState) -> float:
    """The pause that the platform asked for, else one that grows, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return error.retry_after_s
    settled_s = error.settles_in_s if isinstance(error, Ambiguous) else 0.0
    return max(_growing(state), settled_s)
