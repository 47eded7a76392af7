"""A server that answers as GitHub and Azure DevOps do where pull requests are commented on."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Generator

TOKEN = "t0ken-of-the-job"


class Forge(ThreadingHTTPServer):
    """Both forges' comments; ``status`` is what it answers with instead, if it isn't 0."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.threads: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.status = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Forge

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        self.server.asked.append(f"{self.command} {url.path}")
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        answer: Any = None
        if not self.server.status:
            query = parse_qs(url.query)
            answer = (
                self._azure(url.path, body) if "_apis" in url.path else self._github(url.path, query, body)
            )
        self.send_response(self.server.status or 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def _github(self, path: str, query: dict[str, list[str]], body: Any) -> Any:
        comments = self.server.comments
        match self.command:
            case "GET":
                size, page = int(query["per_page"][0]), int(query["page"][0])
                return comments[(page - 1) * size : page * size]
            case "PATCH":
                found = next(item for item in comments if item["id"] == int(path.rsplit("/", 1)[1]))
                found.update(body)
                return found
            case _:
                comments.append({"id": 1000 + len(comments), "user": {"type": "Bot"}, **body})
                return comments[-1]

    def _azure(self, path: str, body: Any) -> Any:
        threads = self.server.threads
        match self.command:
            case "GET":
                return {"value": threads}
            case "PATCH":
                thread, _, number = path.split("/threads/")[1].split("/")
                found = next(item for item in threads if item["id"] == int(thread))
                next(item for item in found["comments"] if item["id"] == int(number)).update(body)
                return {}
            case _:
                comments = [{"id": 1, **item} for item in body["comments"]]
                threads.append({"id": 10 + len(threads), "status": body["status"], "comments": comments})
                return threads[-1]


@contextmanager
def running_forge() -> Generator[Forge]:
    """A forge on loopback."""
    with Forge() as forge:
        thread = threading.Thread(target=forge.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield forge
        finally:
            forge.shutdown()
            thread.join()
