"""What commands share: exit codes, and options that mean the same everywhere."""

from pathlib import Path

import click

FAILED = 1
WRONG_USAGE = 2

FILE = Path
"""An argument that may be on a NAS: `click.Path` would look at it, and hang as its mount does."""

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
