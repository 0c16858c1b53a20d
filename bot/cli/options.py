"""What commands share: exit codes, and options that mean the same everywhere."""

import click

FAILED = 1
WRONG_USAGE = 2

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
