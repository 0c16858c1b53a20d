"""Every string that a person reads in a chat, in English and Chinese.

`Texts` names them once; a language is one instance, so that a missing translation does not start.
Fields hold `str.format` templates; their placeholders are checked against English by a test.
"""

from bot.texts.base import Texts
from bot.texts.en import ENGLISH
from bot.texts.zh import CHINESE

LANGUAGES: dict[str, Texts] = {"en": ENGLISH, "zh": CHINESE}


def texts_for(language: str, default: str = "en") -> Texts:
    """The texts for a BCP 47 tag (`zh-Hans-CN` is `zh`), or the default's where there are none."""
    return LANGUAGES.get(primary(language)) or LANGUAGES[default]


def primary(language: str) -> str:
    """The language that a BCP 47 tag begins with."""
    return language.replace("_", "-").partition("-")[0].lower()


__all__ = ["LANGUAGES", "Texts", "primary", "texts_for"]
