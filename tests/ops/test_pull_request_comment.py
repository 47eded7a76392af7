"""``python -m ops comment`` against servers that answer as GitHub and Azure DevOps do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from forge_server import TOKEN, Forge, running_forge

from ops.failure import Failure
from ops.pull_request import comment, forge

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MARKER = "<!-- mlops-preview:dev -->"


@pytest.fixture
def server() -> Generator[Forge]:
    with running_forge() as forge:
        yield forge


@pytest.fixture
def github(server: Forge, tmp_path: Path) -> dict[str, str]:
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
def azure(server: Forge) -> dict[str, str]:
    return {
        "TF_BUILD": "True",
        "SYSTEM_COLLECTIONURI": f"{server.url}/team/",
        "SYSTEM_TEAMPROJECT": "ML platform",
        "BUILD_REPOSITORY_ID": "0f0f",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
        "SYSTEM_ACCESSTOKEN": TOKEN,
    }


def test_on_github_the_first_preview_makes_a_comment_and_the_next_updates_it(
    server: Forge, github: dict[str, str]
) -> None:
    server.comments += [{"id": n, "user": {"type": "User"}, "body": "looks good"} for n in range(130)]
    assert forge(github).put(MARKER, f"{MARKER}\nfirst") == "made comment 1130 of pull request 7"
    assert forge(github).put(MARKER, f"{MARKER}\nsecond") == "updated comment 1130 of pull request 7"
    assert [item["body"] for item in server.comments[130:]] == [f"{MARKER}\nsecond"]
    assert server.asked[-1] == "PATCH /repos/team/platform/issues/comments/1130"


def test_on_github_other_stacks_and_people_who_quote_the_marker_keep_their_comments(
    server: Forge, github: dict[str, str]
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
    server: Forge, azure: dict[str, str]
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
    server: Forge, github: dict[str, str], status: int, said: str
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
