"""The bot's account on a real Synapse: a wrong password, an ended session, the files kept of it."""

import pytest

from adapters.base import AuthFailed
from tests.clients.matrix import PlainPerson
from tests.rigs.synapse import permissive
from tests.unit.adapters.matrix_bot import Account, Scene, account, until


async def test_a_wrong_password_is_named() -> None:
    async with account(permissive) as bot:
        with pytest.raises(AuthFailed, match=r"matrix\.password"):
            async with bot.running(password="wrong"):
                pass
        async with bot.adapter(password="wrong") as adapter:
            with pytest.raises(AuthFailed):
                await adapter.run(bot.inbox.emit, None)
            assert adapter.link.state == "refused"


async def test_the_account_can_be_checked_before_the_first_start() -> None:
    async with account(permissive) as bot:
        async with bot.adapter() as adapter:
            assert bot.user in await adapter.check()
            assert not bot.store.exists()
        async with bot.adapter(password="wrong") as adapter:
            with pytest.raises(AuthFailed):
                await adapter.check()


async def test_an_ended_session_is_named_and_made_anew() -> None:
    async with account(permissive) as bot:
        async with bot.running() as adapter:
            assert bot.user in await adapter.check()
            await end_session(bot)
            await until(lambda: adapter.link.state == "refused")
            assert "ended the bot's session" in adapter.link.detail
        async with bot.running() as adapter:
            assert adapter.link.state == "up"


async def end_session(bot: Account) -> None:
    """The account's owner ends all its sessions from elsewhere."""
    owner = PlainPerson(bot.server.url, bot.user)
    await owner.open(watch=False)
    await owner.call("POST", "/client/v3/logout/all", {})
    await owner.close()


async def test_files_of_the_session_are_for_the_bot_alone(scene: Scene) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in scene.bot.store.iterdir()}
    assert modes == {"session.json": 0o600, "crypto.db": 0o600, "recovery-key": 0o600}
