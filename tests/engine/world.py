"""A provider of things that exist once: making what is there, or removing what isn't, is noted as a fault.

A `Piece` is a file in `$WORLD`, named by its label, its generation and what nobody can guess. With `ADOPTING`, making
finds what an interrupted call left, as providers have to that can be killed themselves.
"""

import json
import os
import time
import uuid
from pathlib import Path

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


def _folder() -> Path:
    return Path(os.environ["WORLD"])


def _note(what: str) -> None:
    with (_folder() / "journal").open("a") as file:
        file.write(what + "\n")


def _write(identity: str, props: dict) -> None:
    temporary = _folder() / f"{identity}.tmp"
    temporary.write_text(json.dumps({key: props[key] for key in ("label", "size", "generation")}))
    temporary.replace(_folder() / f"{identity}.json")


class PieceProvider(ResourceProvider):
    def create(self, props):
        _pause(props)
        if props["fails"] == "create":
            raise RuntimeError(f"{props['label']} could not be created")
        stem = f"{props['label']}--{int(props['generation'])}--"
        there = sorted(_folder().glob(f"{stem}*.json"))
        if there and "ADOPTING" not in os.environ:
            _note(f"made twice: {stem}")
        adopts = there and "ADOPTING" in os.environ
        identity = there[0].stem if adopts else stem + uuid.uuid4().hex[:8]
        _write(identity, props)
        return CreateResult(identity, {**props, "id_seen": identity})

    def diff(self, _id, olds, news):
        changed = [key for key in ("size", "generation", "exclusive") if olds.get(key) != news.get(key)]
        return DiffResult(
            changes=bool(changed),
            replaces=[key for key in changed if key == "generation"],
            delete_before_replace=bool(news["exclusive"]),
        )

    def update(self, id, _olds, news):  # noqa: A002 - the SDK's name
        _pause(news)
        if news["fails"] == "update":
            raise RuntimeError(f"{news['label']} could not be updated")
        if not (_folder() / f"{id}.json").exists():
            _note(f"updated what isn't there: {id}")
        _write(id, news)
        return UpdateResult({**news, "id_seen": id})

    def delete(self, id, props):  # noqa: A002
        _pause(props)
        file = _folder() / f"{id}.json"
        if not file.exists() and "ADOPTING" not in os.environ:
            _note(f"removed what isn't there: {id}")
        file.unlink(missing_ok=True)


def _pause(props) -> None:
    """Long enough for an engine to be killed while it waits."""
    time.sleep(props["pause"])


class Piece(Resource):
    size: pulumi.Output[int]

    def __init__(self, name, opts=None, **props):
        super().__init__(PieceProvider(), name, {"label": name, "id_seen": None, **props}, opts)
