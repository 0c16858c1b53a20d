"""The environment that a process of the engine's is given."""

import os


def surroundings() -> dict[str, str]:
    """This process's environment without the bot's settings and secrets, in any spelling."""
    return {k: v for k, v in os.environ.items() if not k.upper().startswith("PARLEY_")}
