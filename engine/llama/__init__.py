"""llama.cpp behind plain verbs: open, tokenize, decode, sample. The only room that touches it.

Everything here runs in the worker, for a failed assertion in the library ends the process that
called it. Others come in by this door:

    Model ────▶ Sampler   draws from what a step left   ┐
          ────▶ context   what computes a step          ├─▶ library   its log, its files
    Encoder ──▶ context, Vocabulary                     ┘
"""

from engine.llama.encoder import Encoder
from engine.llama.library import ModelFault
from engine.llama.model import Model
from engine.llama.sampler import Sampler
from engine.llama.vocabulary import Vocabulary

__all__ = ["Encoder", "Model", "ModelFault", "Sampler", "Vocabulary"]
