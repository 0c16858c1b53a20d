"""What `parley --help` says of each command is said in whole."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bot.cli.program import parley


def groups(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        yield path
        for name, each in command.commands.items():
            yield from groups(each, *path, name)


@pytest.mark.parametrize("path", list(groups(parley)), ids=" ".join)
def test_help_of_a_group_is_cut_nowhere(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(parley, [*path, "--help"]).output
    listed = told.partition("Commands:\n")[2].splitlines()
    assert listed
    assert not [line for line in listed if line.endswith("...")]
