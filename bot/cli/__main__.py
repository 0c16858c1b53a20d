"""`python -m bot.cli` is `parley`."""

from bot.cli import main

main()
