"""An HTTP server on this machine, for tests of downloads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONTENT = bytes(range(256)) * 5000  # larger than one chunk of a download


@dataclass(frozen=True)
class Answer:
    """What the server says to a request."""

    body: bytes
    status: int = 200
    claimed: int | None = None  # the length it announces, where that is a lie
    kind: str = "application/octet-stream"


@contextmanager
def server(body: bytes, *, status: int = 200, claimed: int | None = None) -> Iterator[str]:
    """The address of a file on this machine; every other address has the same answer."""
    with serving(lambda _: Answer(body, status, claimed)) as root:
        yield f"{root}/model.bin"


@contextmanager
def package_index(archive: Path) -> Iterator[str]:
    """The address of a package index on this machine that has one archive of the package `pkg`."""
    page = f'<a href="/files/{archive.name}">{archive.name}</a>'.encode()

    def answer(path: str) -> Answer:
        if path == "/simple/pkg/":
            return Answer(page, kind="text/html")
        return Answer(archive.read_bytes()) if path == f"/files/{archive.name}" else Answer(b"", 404)

    with serving(answer) as root:
        yield f"{root}/simple"


@contextmanager
def serving(answer: Callable[[str], Answer]) -> Iterator[str]:
    """The root address of a server that asks `answer` for every path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = answer(self.path)
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Content-Length", str(len(said.body) if said.claimed is None else said.claimed))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever asked may have gone
                self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()
