"""``python -m ops comment`` against servers that answer as GitHub and Azure DevOps do."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.failure import Failure
from ops.pull_request import comment, forge

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MARKER = "<!-- mlops-preview:dev -->"
TOKEN = "t0ken-of-the-job"


class Server(ThreadingHTTPServer):
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
    server: Server

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


@pytest.fixture
def server() -> Generator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def github(server: Server, tmp_path: Path) -> dict[str, str]:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": server.url,
        "GITHUB_REPOSITORY": "team/platform",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_TOKEN": TOKEN,
    }


@pytest.fixture
def azure(server: Server) -> dict[str, str]:
    return {
        "TF_BUILD": "True",
        "SYSTEM_COLLECTIONURI": f"{server.url}/team/",
        "SYSTEM_TEAMPROJECT": "ML platform",
        "BUILD_REPOSITORY_ID": "0f0f",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
        "SYSTEM_ACCESSTOKEN": TOKEN,
    }


def test_on_github_the_first_preview_makes_a_comment_and_the_next_updates_it(
    server: Server, github: dict[str, str]
) -> None:
    server.comments += [{"id": n, "user": {"type": "User"}, "body": "looks good"} for n in range(130)]
    assert forge(github).put(MARKER, f"{MARKER}\nfirst") == "made comment 1130 of pull request 7"
    assert forge(github).put(MARKER, f"{MARKER}\nsecond") == "updated comment 1130 of pull request 7"
    assert [item["body"] for item in server.comments[130:]] == [f"{MARKER}\nsecond"]
    assert server.asked[-1] == "PATCH /repos/team/platform/issues/comments/1130"


def test_on_github_other_stacks_and_people_who_quote_the_marker_keep_their_comments(
    server: Server, github: dict[str, str]
) -> None:
    server.comments += [
        {"id": 1, "user": {"type": "Bot"}, "body": "<!-- mlops-preview:prod -->\nprod"},
        {"id": 2, "user": {"type": "User"}, "body": f"{MARKER}\nmine"},
    ]
    forge(github).put(MARKER, f"{MARKER}\ndev")
    assert [item["body"] for item in server.comments] == [
        "<!-- mlops-preview:prod -->\nprod",
        f"{MARKER}\nmine",
        f"{MARKER}\ndev",
    ]


def test_on_azure_devops_the_first_preview_makes_a_closed_thread_and_the_next_updates_it(
    server: Server, azure: dict[str, str]
) -> None:
    server.threads.append({"id": 1, "isDeleted": True, "comments": [{"id": 1, "content": f"{MARKER}\ngone"}]})
    assert forge(azure).put(MARKER, f"{MARKER}\nfirst") == "made thread 11 of pull request 7"
    assert forge(azure).put(MARKER, f"{MARKER}\nsecond") == "updated thread 11 of pull request 7"
    assert server.threads[1]["status"] == "closed"
    assert [item["content"] for item in server.threads[1]["comments"]] == [f"{MARKER}\nsecond"]
    assert server.asked[0] == "GET /team/ML%20platform/_apis/git/repositories/0f0f/pullRequests/7/threads"


@pytest.mark.parametrize(
    ("status", "said"), [(403, "refused (403); give the job pull-requests: write"), (500, "answered 500")]
)
def test_what_the_forge_refuses_is_one_line_without_the_token(
    server: Server, github: dict[str, str], status: int, said: str
) -> None:
    server.status = status
    with pytest.raises(Failure) as failed:
        forge(github).put(MARKER, MARKER)
    assert said in str(failed.value)
    assert TOKEN not in str(failed.value)


@pytest.mark.parametrize("name", ["SYSTEM_ACCESSTOKEN", "SYSTEM_PULLREQUEST_PULLREQUESTID"])
def test_a_variable_that_azure_left_unset_says_what_to_do(azure: dict[str, str], name: str) -> None:
    with pytest.raises(Failure, match=f"{name} isn't set"):
        forge({**azure, name: "$(Not.There)"})


def test_a_github_run_without_a_pull_request_is_refused(github: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("{}")
    with pytest.raises(Failure, match="isn't for a pull request"):
        forge(github)


def test_outside_of_a_pipeline_there_is_nowhere_to_comment() -> None:
    with pytest.raises(Failure, match="GitHub Actions or Azure Pipelines"):
        forge({})


def test_a_file_without_a_marker_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "comment.md"
    file.write_text("hello")
    with pytest.raises(Failure, match="doesn't begin with a preview's marker"):
        comment(file)
