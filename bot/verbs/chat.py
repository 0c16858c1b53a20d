"""`parley chat`: a conversation in the terminal, with a running bot or with one of its own.

Both are the same: where no bot listens, one is started in this process, without a port, and then
talked to through its control socket like any other.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import click

from bot import logs
from bot.config import Settings
from bot.control import NotRunning, connect, socket_path
from bot.place import place_of
from bot.sections import Web


def chat(settings: Settings) -> None:
    """Talk until end of file."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_chat(settings))


class Reader(Protocol):
    """Where the person's lines come from; None at their end."""

    async def __call__(self) -> str | None: ...


async def _chat(settings: Settings) -> None:
    async with _bot(settings) as path:
        reader, writer = await connect(path)
        talk = Talk(reader, writer)
        await talk.send(do="chat", language=os.environ.get("LANG", "").partition(".")[0])
        read = _interactive() if sys.stdin.isatty() else _piped
        await talk.go_on(read)


@asynccontextmanager
async def _bot(settings: Settings) -> AsyncGenerator[Path]:
    path = socket_path(place_of(settings).here)
    try:
        _, writer = await connect(path)
        writer.close()
        yield path
        return
    except NotRunning:
        pass
    from bot.app import App

    logs.configure("warning", settings.bot.log_format)
    if settings.engine.kind == "llama":
        from bot.verbs.models import ensure

        ensure(settings)
    app = App(settings.model_copy(update={"web": Web(enabled=False)}))
    started = asyncio.Event()
    running = asyncio.create_task(app.run(lambda _: started.set()))
    start = asyncio.create_task(started.wait())
    await asyncio.wait({running, start}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if running.done():
            running.result()
        yield path
    finally:
        start.cancel()
        app.stop()
        await running


class Talk:
    """The terminal's end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._printed = ""

    async def send(self, **message: object) -> None:
        """Say something to the bot."""
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def go_on(self, read: Reader) -> None:
        """Line by line: ask, print the answer as it grows, ask again."""
        while (line := await read()) is not None:
            if not line.strip():
                continue
            await self.send(say=line, id=str(uuid4()))
            with _on_interrupt(self._stop):
                if not await self._answer():
                    click.echo("The bot has stopped. What was sent is kept.", err=True)
                    return

    async def _stop(self) -> None:
        await self.send(say="/stop", id=str(uuid4()))

    async def _answer(self) -> bool:
        """Print until a final text came; false when the bot is gone."""
        self._printed = ""
        while line := await self._reader.readline():
            message = json.loads(line)
            if "wait" in message:
                _wait(message)
            elif "show" in message:
                self._show(message["show"])
            elif "post" in message or "revise" in message:
                self._show(message.get("post") or message["revise"])
                click.echo("\n")
                return True
            elif "close" in message:
                return True
        return False

    def _show(self, text: str) -> None:
        if not text.startswith(self._printed):
            click.echo("\n", nl=False)
            self._printed = ""
        click.echo(text[len(self._printed) :], nl=False)
        sys.stdout.flush()
        self._printed = text


def _wait(message: dict[str, Any]) -> None:
    eta = f", about {max(1.0, message['eta_s']):.0f} s" if message.get("eta_s") else ""
    click.echo(f"(place {message['wait']} in the line{eta})", err=True)


class _on_interrupt:  # noqa: N801 - used like a function
    """While the block runs, Ctrl-C does this instead of ending the program."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._task: asyncio.Future[None] | None = None

    def __enter__(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._start)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    def _start(self) -> None:
        self._task = asyncio.ensure_future(self._work())


async def _piped() -> str | None:
    line = await asyncio.to_thread(sys.stdin.readline)
    return line.rstrip("\n") if line else None


def _interactive() -> Reader:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    from bot.texts import texts_for

    history = Path.home() / ".local/state/parley/history"
    history.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    commands = texts_for(os.environ.get("LANG", "")).commands
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history)),
        completer=WordCompleter([f"/{name}" for name in commands], sentence=True),
        complete_while_typing=True,
    )

    async def read() -> str | None:
        while True:
            try:
                return await session.prompt_async("> ")
            except KeyboardInterrupt:
                continue
            except EOFError:
                return None

    return read
