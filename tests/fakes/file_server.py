"""A web server that hands out one file, and is not always good at it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

LONGEST_S = 60.0


@dataclass(slots=True)
class Web:
    """Serves `body`, and parts of it to whoever has the beginning of what `tag` names.

    The next answer ends after `break_after` bytes; parts begin `late_by` bytes too late. `length`
    is told of a whole file in the place of the true one. `asked` is set when somebody asks, who
    waits then for `goes_on`.
    """

    body: bytes
    tag: str = '"one"'
    break_after: int | None = None
    late_by: int = 0
    length: int | None = None
    ranges: list[str | None] = field(default_factory=list[str | None])
    asked: Event = field(default_factory=Event)
    goes_on: Event = field(default_factory=Event)
    url: str = ""

    def __post_init__(self) -> None:
        self.goes_on.set()


@contextmanager
def serving(web: Web) -> Generator[Web]:
    """Serve on a free port of 127.0.0.1 while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            web.ranges.append(wanted)
            web.asked.set()
            web.goes_on.wait(LONGEST_S)
            fresh = self.headers.get("If-Range") in (None, web.tag)
            start = int(wanted[6:-1]) + web.late_by if wanted and fresh else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", web.tag)
            if start:
                last, size = len(web.body) - 1, len(web.body)
                self.send_header("Content-Range", f"bytes {start}-{last}/{size}")
            self.send_header("Content-Length", str(web.length or len(web.body) - start))
            self.end_headers()
            end, web.break_after = web.break_after, None
            self.wfile.write(web.body[start:end])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.url = f"http://127.0.0.1:{server.server_port}/tiny.gguf"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield web
        finally:
            web.goes_on.set()
            server.shutdown()
            thread.join()
