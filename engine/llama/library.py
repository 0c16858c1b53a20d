"""The library as a whole: its log, its compute parts, and how it opens a file.

What it says of a failure it says in its log only, so its last errors are kept for `ModelFault`.
"""

import ctypes
import sys
from collections import deque
from pathlib import Path

from llama_cpp import llama_cpp as lib

_ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR
_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


class ModelFault(Exception):
    """The library refused a model or a step; the message is its last error line."""


class Log:
    """What the library logs: silent, with its last errors kept."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=4)
        self._callback = lib.llama_log_callback(self._note)
        lib.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _note(self, level: int, text: bytes | None, _data: object) -> None:
        line = (text or b"").decode("utf-8", "replace").strip()
        if level == _ERROR_LEVEL and line:
            self._errors.append(line)

    def last(self, default: str) -> str:
        """The oldest of the last errors, which is nearest to the cause; without any, `default`.

        Told once: it is not the cause of the next fault.
        """
        oldest = self._errors[0] if self._errors else default
        self.forget()
        return oldest

    def forget(self) -> None:
        """What was logged until now is not the cause of what comes."""
        self._errors.clear()


log = Log()


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


def open_model(path: Path) -> "lib.llama_model_p":
    """Load a file's model, to be freed by the caller. Raises `ModelFault`."""
    _load_backends()
    log.forget()
    model = lib.llama_model_load_from_file(bytes(path), lib.llama_model_default_params())
    if not model:
        raise ModelFault(log.last("the library could not load it"))
    return model
