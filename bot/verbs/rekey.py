"""`parley db rekey`: brings every file of the database under the key in force, and says so.

What the configuration says is what is made so: which files that takes does not matter, and whoever
is interrupted runs it again.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.config import ConfigError, Settings
from bot.control import ControlError, actor
from bot.key_age import note_key
from bot.keyring import add_key, keyring_of
from bot.place import place_of
from bot.secret import audit_key
from bot.verbs.opened import assert_stopped, opened
from bot.verbs.progress import progress
from storage.audit import Audit
from storage.backup import Copies
from storage.filesystem import admit
from storage.key import Keyring
from storage.opening import unopened
from storage.records import Fenced, StorageError, WrongKey
from storage.rekey import key_of
from storage.rekey import rekey as rekey_database
from storage.roster import RosterStore
from storage.vault import Vault

RUNNING = (
    "the bot is running and owns the files. Stop it, and one that stands by too, then run “parley"
    " db rekey” again; what people write in the meantime is taken up at the start."
)
COPIES = (
    "Copies elsewhere are as they were: keep the former key, on a line below the new one, as long"
    " as you keep a copy that needs it. What was stored readable may be left in free space of its"
    " disk."
)


def rekey(settings: Settings, *, generate: bool, plain: bool) -> None:
    """Change the keys of all files. Raises `ConfigError`, `ControlError`, `StorageError`."""
    asyncio.run(assert_stopped(settings, RUNNING))
    place = place_of(settings)
    files = place.files
    if generate and plain:
        raise ConfigError("--generate makes a key, --plain takes encryption away: choose one.")
    if generate:
        _generate(settings, files)
    keys = keyring_of(settings)
    _assert_meant(keys, plain=plain)
    if not files:
        click.echo("There is no database yet; it will be encrypted from the start.")
        return
    audit = Audit(unopened(place), audit_key(settings), settings.storage.anchor)
    for file in files:
        admit(file, settings.storage.accept_risk)
        with progress(f"rekey {file.name}", unit=" pages") as report:
            is_changed = rekey_database(file, keys, audit, report)
        _tell(file, keys, is_changed=is_changed)
    faults = asyncio.run(_finish(settings, keys))
    click.echo(COPIES)
    if faults:
        raise ControlError("\n".join(faults))


def _tell(file: Path, keys: Keyring, *, is_changed: bool) -> None:
    state = "encrypted under the key in force" if keys.current else "readable"
    click.echo(f"{file} {'is now' if is_changed else 'was'} {state}.")


def _assert_meant(keys: Keyring, *, plain: bool) -> None:
    """Raises `ConfigError` unless the flag and the configuration want the same."""
    if keys.current and plain:
        raise ConfigError(
            "--plain: the configuration has a key and says to encrypt. Say storage.encryption ="
            ' "off" there, and leave the key until this is done.'
        )
    if not keys.current and not plain:
        raise ConfigError(
            "there is no key to encrypt with. Name a file in storage.key_file and run “parley db"
            " rekey --generate”; to make encrypted files readable, say storage.encryption ="
            ' "off" and run “parley db rekey --plain”.'
        )


def _generate(settings: Settings, files: tuple[Path, ...]) -> None:
    """Raises `ConfigError` while a file still needs a former key: one change after the other."""
    path = settings.storage.key_file
    if path is None:
        raise ConfigError("--generate: it writes the file that storage.key_file names. Name one.")
    if not path.exists():
        _assert_readable(files, path)
    else:
        keys = keyring_of(settings)
        behind = [file for file in files if key_of(file, keys) not in (keys.current, None)]
        if behind:
            raise ConfigError(
                f"--generate: {behind[0]} still has a former key, for the last change did not come"
                " to its end. Run “parley db rekey” first."
            )
    add_key(path, datetime.now(UTC))
    click.echo(f"{path} has a new key. Keep a copy elsewhere: without it nothing can be read.")


def _assert_readable(files: tuple[Path, ...], key_file: Path) -> None:
    for file in files:
        try:
            key_of(file, Keyring())
        except WrongKey as error:
            raise ConfigError(
                f"--generate: {file} is encrypted, and {key_file} is not there. Put it back: a new"
                " key would not open what another one closed."
            ) from error


async def _finish(settings: Settings, keys: Keyring) -> list[str]:
    """Opening it is the last proof; the audit tells who did it. The backups follow: what is wrong
    with them.

    Where another bot had the lease last, the next one to start opens it and tells.
    """
    directory = settings.storage.backup_dir
    try:
        async with opened(settings) as (database, audit):
            await note_key(keys.current, RosterStore(database, audit), actor())
            if directory is None:
                return []
            copies = Copies(database, audit, place_of(settings).scratch, keys.all)
            return await _change_backups(Vault(directory, settings.storage.path.stem, copies), keys)
    except Fenced as error:
        return [f"the backups are as they were. {error}"] if directory else []


async def _change_backups(vault: Vault, keys: Keyring) -> list[str]:
    """Those that are kept regularly; what is wrong with one keeps none of the others."""
    try:
        backups = await vault.backups()
    except StorageError as error:
        return [f"the backups are as they were. {error}"]
    faults: list[str] = []
    for backup in backups:
        try:
            with progress(f"rekey {backup.name}", unit=" pages") as report:
                is_changed = await vault.rekey(backup, report)
        except StorageError as error:
            faults.append(f"{backup.name}: this backup is as it was. {error}")
        else:
            _tell(vault.directory / backup.name, keys, is_changed=is_changed)
    return faults
