"""The `parley` command as people type it."""

import asyncio
import fcntl
import json
import os
import pty
import re
import socket
import sys
import termios
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.models import ModelStore
from engine.plan import available_bytes
from tests.clients.process import bot_process
from tests.contract.engine_fixtures import demo_model

ROOT = Path(__file__).parents[2]
SCRIPTED = {"PARLEY_ENGINE__KIND": "scripted"}


def environment(**settings: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PARLEY_")}
    return kept | {"PYTHONPATH": str(ROOT), "HOME": settings.get("HOME", "/nonexistent")} | settings


async def parley(
    directory: Path, *arguments: str, said: str = "", **settings: str
) -> tuple[int, str, str]:
    """Run it to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.cli",
        *arguments,
        cwd=directory,
        env=environment(**settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(200):
        out, err = await process.communicate(said.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_conversation_of_its_own(tmp_path: Path) -> None:
    code, out, err = await parley(tmp_path, "chat", said="hello\n/status\n", **SCRIPTED)
    assert (code, err) == (0, "")
    assert "echo: hello" in out
    assert "scripted, ready" in out


async def test_a_conversation_with_the_running_bot(tmp_path: Path) -> None:
    async with bot_process(tmp_path, engine__kind="scripted", web__port="0"):
        code, out, _ = await parley(tmp_path, "chat", said="hello\nagain\n", **SCRIPTED)
        assert (code, out.split("\n\n")[:2]) == (0, ["echo: hello", "echo: again"])


async def test_the_running_bot_is_asked_about_its_database(tmp_path: Path) -> None:
    async with bot_process(tmp_path, engine__kind="scripted", web__port="0"):
        await parley(tmp_path, "chat", said="my canary\n", **SCRIPTED)
        me = f"console:local:{os.getuid()}"
        code, out, _ = await parley(tmp_path, "db", "export", me)
        assert (code, len(json.loads(out)["turns"])) == (0, 1)
        code, out, _ = await parley(tmp_path, "db", "search", "canary", "-bird", "--json")
        [found] = json.loads(out)
        assert (code, found["question"], found["excerpts"][0]["matches"]) == (
            0,
            "my canary",
            [[3, 9]],
        )
        code, _, err = await parley(tmp_path, "db", "search", '"canary')
        assert (code, "close the phrase" in err) == (1, True)
        code, out, _ = await parley(tmp_path, "db", "check", "--json")
        assert (code, json.loads(out)["problems"]) == (0, [])
        code, _, err = await parley(tmp_path, "db", "backup", "copy.db")
        assert (code, "backup: 100 %" in err) == (0, True)
        code, out, _ = await parley(tmp_path, "db", "erase", me, "--yes")
        assert "1 turns" in out
        code, _, err = await parley(tmp_path, "db", "export", "ann")
        assert (code, "platform:account:id" in err) == (1, True)
        code, _, err = await parley(tmp_path, "db", "upgrade")
        assert (code, "another Parley owns it" in err) == (1, True)
    code, _, _ = await parley(tmp_path, "db", "check", PARLEY_STORAGE__PATH="copy.db")
    assert code == 0


async def test_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, _ = await parley(
            tmp_path, "doctor", "--json", PARLEY_WEB__PORT=port, PARLEY_ENGINE__MODEL="nowhere"
        )
    findings = {finding["part"]: finding for finding in json.loads(out)}
    assert code == 1
    assert "is in use" in findings["port"]["text"]
    assert "no model “nowhere”" in findings["model"]["text"]
    assert findings["storage"]["well"]


async def test_doctor_finds_that_the_model_does_not_fit(tmp_path: Path) -> None:
    ModelStore(tmp_path / "models").pull(str(demo_model().path), name="large")
    code, out, _ = await parley(
        tmp_path,
        "doctor",
        "--json",
        PARLEY_ENGINE__MODELS_DIR="models",
        PARLEY_ENGINE__MODEL="large",
        PARLEY_ENGINE__PARK_BYTES=str(2 * available_bytes()),
    )
    found = next(each for each in json.loads(out) if each["part"] == "model")
    assert (code, found["well"]) == (1, False)
    assert "is too large for this machine" in found["text"]
    assert "engine.park_bytes = " in found["text"]


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "told"),
    [
        (["run"], {"PARLEY_ENGINE__MODLE": "x"}, 2, "Did you mean “model”?"),
        (["run"], {"PARLEY_CONFIG": "none.toml"}, 2, "none.toml can't be read"),
        (["run"], {"PARLEY_STORAGE__PATH": "/proc/nowhere/x.db", **SCRIPTED}, 1, "/proc/nowhere"),
        (["run"], {"PARLEY_ENGINE__MODEL": "none"}, 1, "parley models pull"),
        (["models", "pull", "ftp://x"], {}, 1, "ftp://x"),
        (["models", "pull", "truncated.gguf"], {}, 1, "truncated.gguf"),
        (["models", "verify", "none"], {}, 1, "none"),
        (["db", "check"], {"PARLEY_STORAGE__PATH": "truncated.gguf"}, 1, "truncated.gguf"),
        (["db", "export", "nobody"], SCRIPTED, 1, "“nobody” is no person"),
        (["db", "erase", "nobody", "--yes"], SCRIPTED, 1, "“nobody” is no person"),
        (["bench"], {"PARLEY_STORAGE__PATH": "/proc/nowhere/x.db", **SCRIPTED}, 1, "/proc/nowhere"),
        (["bench", "--pause", "inf"], SCRIPTED, 2, "--pause"),
        (["audit", "show", "--limit", "9" * 30], SCRIPTED, 2, "--limit"),
        (["fly"], {}, 2, "No such command"),
        (["models", "pull"], {}, 2, "Missing argument"),
    ],
    ids=str,
)
async def test_faults_are_one_sentence(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], code: int, told: str
) -> None:
    (tmp_path / "truncated.gguf").write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 5_000)
    found, _, err = await parley(tmp_path, *arguments, **settings)
    assert (found, told in err) == (code, True), err
    assert "Traceback" not in err


@dataclass(slots=True)
class Terminal:
    """A terminal with a program in it."""

    descriptor: int
    seen: str = ""
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self) -> None:
        try:
            self.seen += os.read(self.descriptor, 65536).decode(errors="replace")
        except OSError:  # the program ended
            asyncio.get_running_loop().remove_reader(self.descriptor)
        self._came.set()

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    async def until(self, condition: Callable[[str], object]) -> None:
        """Wait until the screen, without its colours, meets a condition."""
        async with asyncio.timeout(60):
            while not condition(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen)):
                self._came.clear()
                await self._came.wait()


def _take_terminal() -> None:
    """Make standard input the terminal whose Ctrl-C reaches the program (tty_ioctl(4))."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@asynccontextmanager
async def in_terminal(
    directory: Path, *arguments: str, **settings: str
) -> AsyncGenerator[Terminal]:
    mine, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.cli",
        *arguments,
        cwd=directory,
        env=environment(TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1", HOME=str(directory), **settings),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    terminal = Terminal(mine)
    asyncio.get_running_loop().add_reader(mine, terminal.read)
    try:
        yield terminal
        async with asyncio.timeout(60):
            while process.returncode is None:
                with suppress(OSError, TimeoutError):
                    terminal.type("\x15\x04")  # an empty line's end of file, at the next prompt
                    await asyncio.wait_for(process.wait(), 0.5)
        assert process.returncode == 0
    finally:
        asyncio.get_running_loop().remove_reader(mine)
        os.close(mine)


async def test_ctrl_c_stops_the_answer_and_not_the_program(tmp_path: Path) -> None:
    slow = {"PARLEY_ENGINE__SCRIPTED_DELAY_S": "0.1", **SCRIPTED}
    async with in_terminal(tmp_path, "chat", **slow) as terminal:
        await terminal.until(lambda seen: ">" in seen)
        terminal.type(" ".join(f"w{n}" for n in range(99)) + "\r")
        await terminal.until(lambda seen: "echo: w0 w1" in seen)
        terminal.type("\x03")
        await terminal.until(lambda seen: "Stopped." in seen)
        terminal.type("still there?\r")
        await terminal.until(lambda seen: "echo: still there?" in seen)
        await terminal.until(lambda seen: ">" in seen.rpartition("echo: still there?")[2])
        terminal.type("\x1b[A")
        await terminal.until(
            lambda seen: "still there?" in seen.rpartition("echo: still there?")[2]
        )
