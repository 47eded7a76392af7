"""``python -m ops comment``: puts a comment on the pull request that a pipeline runs for, or updates the one that is there.

Which pull request it is, and where, is in the variables that GitHub Actions and Azure Pipelines set for every step.
A comment is known by its first line, an invisible marker: each stack has one comment, however often it is previewed.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from ops.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARKER = re.compile(r"<!-- mlops-preview:[\w./-]* -->")
_TIMEOUT = 30
_PAGE = 100
_PAGES = 50


def comment(file: Annotated[Path, typer.Argument(help="What `ops preview --out` wrote.")]) -> None:
    """Put a preview on the pull request, or update the one of this stack that is there."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(
            f"{file}: can't be read ({error}); name what `ops preview --out` wrote", code=2
        ) from None
    found = _MARKER.match(text)
    if found is None:
        raise Failure(
            f"{file}: doesn't begin with a preview's marker, so it could not be updated in place; name what "
            "`ops preview --out` wrote",
            code=2,
        )
    typer.echo(forge(os.environ).put(found.group(), text))


class Forge(Protocol):
    """Where pull requests are."""

    def put(self, marker: str, text: str) -> str:
        """Updates the comment that begins with ``marker``, or makes it; says what it did."""
        ...


def forge(environ: Mapping[str, str]) -> Forge:
    """The forge whose pipeline this is.

    Raises:
        Failure: it is none, or not one for a pull request, or without a token.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        return _GitHub(
            _needed(environ, "GITHUB_API_URL"),
            _needed(environ, "GITHUB_REPOSITORY"),
            _github_number(environ),
            _needed(environ, "GITHUB_TOKEN", "give the step `GITHUB_TOKEN: ${{ github.token }}`"),
        )
    if environ.get("TF_BUILD") == "True":
        return _AzureDevOps(
            _needed(environ, "SYSTEM_COLLECTIONURI"),
            _needed(environ, "SYSTEM_TEAMPROJECT"),
            _needed(environ, "BUILD_REPOSITORY_ID"),
            _needed(environ, "SYSTEM_PULLREQUEST_PULLREQUESTID", "run this for pull requests only"),
            _needed(
                environ, "SYSTEM_ACCESSTOKEN", "give the step `SYSTEM_ACCESSTOKEN: $(System.AccessToken)`"
            ),
        )
    raise Failure(
        "this runs in GitHub Actions or Azure Pipelines, and this is neither; print the file instead", code=2
    )


def _needed(environ: Mapping[str, str], name: str, remedy: str = "the pipeline's agent sets it") -> str:
    value = environ.get(name, "")
    # An Azure variable that isn't there arrives as its own name.
    if not value or value.startswith("$("):
        raise Failure(f"{name} isn't set, so the pull request can't be reached; {remedy}", code=2)
    return value


def _github_number(environ: Mapping[str, str]) -> int:
    try:
        event: Any = json.loads(Path(_needed(environ, "GITHUB_EVENT_PATH")).read_text(encoding="utf-8"))
        return int(event["pull_request"]["number"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Failure(
            "this run isn't for a pull request; trigger it with `on: pull_request`", code=2
        ) from None


@dataclass(frozen=True)
class _GitHub:
    """GitHub's REST API, "Issue comments"."""

    api: str
    repository: str
    number: int
    token: str = field(repr=False)

    def put(self, marker: str, text: str) -> str:
        issues = f"{self.api}/repos/{self.repository}/issues"
        for page in range(1, _PAGES + 1):
            seen = self._call("GET", f"{issues}/{self.number}/comments?per_page={_PAGE}&page={page}")
            for found in seen:
                # Only a pipeline's comment: people may quote the marker, and theirs stay theirs.
                if str(found.get("body", "")).startswith(marker) and found["user"]["type"] == "Bot":
                    self._call("PATCH", f"{issues}/comments/{found['id']}", {"body": text})
                    return f"updated comment {found['id']} of pull request {self.number}"
            if len(seen) < _PAGE:
                break
        made = self._call("POST", f"{issues}/{self.number}/comments", {"body": text})
        return f"made comment {made['id']} of pull request {self.number}"

    def _call(self, method: str, url: str, body: Any = None) -> Any:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        return _call(method, url, body, self.token, headers=headers, permission="pull-requests: write")


@dataclass(frozen=True)
class _AzureDevOps:
    """Azure DevOps' REST API, "Pull Request Threads"."""

    collection: str
    project: str
    repository: str
    number: str
    token: str = field(repr=False)

    def put(self, marker: str, text: str) -> str:
        project, repository = urllib.parse.quote(self.project), urllib.parse.quote(self.repository)
        threads = (
            f"{self.collection.rstrip('/')}/{project}/_apis/git/repositories/{repository}/pullRequests/"
            f"{self.number}/threads"
        )
        for thread in self._call("GET", threads)["value"]:
            first: Any = next(iter(thread.get("comments") or ()), {})
            if thread.get("isDeleted") or first.get("isDeleted"):
                continue
            if str(first.get("content", "")).startswith(marker):
                self._call("PATCH", f"{threads}/{thread['id']}/comments/{first['id']}", {"content": text})
                return f"updated thread {thread['id']} of pull request {self.number}"
        # Closed, so that branches that want every thread resolved aren't held up by it.
        new = {
            "comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}],
            "status": "closed",
        }
        made = self._call("POST", threads, new)
        return f"made thread {made['id']} of pull request {self.number}"

    def _call(self, method: str, url: str, body: Any = None) -> Any:
        remedy = 'the permission "Contribute to pull requests" for the build service'
        return _call(method, f"{url}?api-version=7.1", body, self.token, headers={}, permission=remedy)


def _call(
    method: str, url: str, body: Any, token: str, *, headers: Mapping[str, str], permission: str
) -> Any:
    """One request; its JSON answer. Errors name what to allow, and never the token."""
    request = urllib.request.Request(  # noqa: S310 (the agent's own variable names the host)
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
        method=method,
    )
    where = f"{method} {urllib.parse.urlsplit(url).path}"
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise Failure(f"{where}: refused ({error.code}); give the job {permission}") from None
        raise Failure(f"{where}: answered {error.code} {error.reason}; run the job again") from None
    except (OSError, ValueError) as error:
        raise Failure(f"{where}: no usable answer ({error}); run the job again") from None
