"""Each type that the provider knows and local Azure serves, from its first check to its end, as an engine would have it.

No drift after a deployment or an update, creates that refuse what exists, deletes that forgive what is gone. The servicer is
called as gRPC would call it, in this process; rows run side by side, each after those that it names.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from lifecycle_table import ELSEWHERE, ROWS
from pulumi.runtime.proto import provider_pb2

from local.provider.configuration import Configuration
from local.provider.facts import Facts
from local.provider.function import Functions
from local.provider.properties import UNKNOWN, from_struct, plain, to_struct
from local.provider.resource import Resources
from local.provider.servicer import Servicer
from local.settings import REPOSITORY, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lifecycle_row import Row

Json = dict[str, Any]
FACTS = Facts.load()
MAPPING = REPOSITORY.parent / "shared" / "arm" / "mapping.json"
NONE = provider_pb2.DiffResponse.DIFF_NONE
REFERENCE = re.compile(r"\$(\w+)\.(id|name|principalId)")
#: Why a function may answer nothing: it isn't served, or there is nothing to list.
SILENT = re.compile("NotSupportedByLocalAzure|holds no credentials|has no keys")
#: Inputs that no answer has: a refresh keeps them, an import can't find them.
WRITE_ONLY = {"credentials", "serviceUri", "value"}


class RefusedError(Exception):
    """What the provider ended a call with."""


class Context:
    """As much of gRPC's context as the servicer uses."""

    async def abort(self, code: object, details: str, trailing: object = ()) -> None:
        raise RefusedError(f"{code}: {details} {(trailing and 'with its state') or ''}")


@dataclass
class Made:
    """A resource as an engine has it in its state."""

    row: Row
    urn: str
    id: str
    inputs: Json
    outputs: Json


class Life:
    """What was made, and an engine's calls."""

    def __init__(self, servicer: Servicer) -> None:
        self.servicer = servicer
        self.made: dict[str, Made] = {}
        self.problems: list[str] = []

    async def call(self, method: str, **fields: Any) -> Any:
        kind = getattr(provider_pb2, f"{method}Request")
        given = {key: to_struct(value) if isinstance(value, dict) else value for key, value in fields.items()}
        return await getattr(self.servicer, method)(kind(**given), Context())

    def program(self, value: Any) -> Any:
        """What a program gives once its inputs are known."""
        if isinstance(value, dict):
            return {key: self.program(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.program(item) for item in value]
        if not isinstance(value, str):
            return value
        return REFERENCE.sub(self._output, value.replace("$tenant", TENANT_ID))

    def _output(self, match: re.Match[str]) -> str:
        made = self.made[match[1]]
        return made.id if match[2] == "id" else made.outputs[match[2]]

    async def check(self, urn: str, program: Json, olds: Json) -> Json:
        answer = await self.call("Check", urn=urn, news=program, olds=olds, randomSeed=b"lifecycle")
        assert [failure.reason for failure in answer.failures] == [], urn
        return from_struct(answer.inputs)

    async def diff(self, made: Made, news: Json) -> Any:
        return await self.call(
            "Diff", urn=made.urn, id=made.id, olds=made.outputs, old_inputs=made.inputs, news=news
        )

    async def create(self, row: Row) -> None:
        urn = f"urn:pulumi:dev::p::azure-native:{row.token}::{row.key}"
        program = self.program(row.inputs)
        inputs = await self.check(urn, program, {})
        preview = await self.call("Create", urn=urn, properties=inputs, preview=True)
        created = await self.call("Create", urn=urn, properties=inputs)
        made = Made(row, urn, created.id, inputs, from_struct(created.properties))
        self.made[row.key] = made
        known = from_struct(preview.properties)
        self.expect(
            set(made.outputs) <= set(known), f"{urn}: a preview has no {set(made.outputs) - set(known)}"
        )
        wrong = mistaken({key: value for key, value in known.items() if key != "name"}, made.outputs)
        self.expect(not wrong, f"{urn}: a preview was wrong about {wrong}")
        if FACTS.resource(f"azure-native:{row.token}").singleton is None:
            with pytest.raises(RefusedError, match="cannot create already existing resource"):
                await self.call("Create", urn=urn, properties=inputs)
        await self.unchanged(made, program)
        if row.change:
            await self.update(made, {**program, **self.program(row.change)})

    async def update(self, made: Made, program: Json) -> None:
        news = await self.check(made.urn, program, made.inputs)
        diff = await self.diff(made, news)
        self.expect(
            diff.changes != NONE and not diff.replaces, f"{made.urn}: {list(diff.replaces)} would replace it"
        )
        updated = await self.call(
            "Update", urn=made.urn, id=made.id, olds=made.outputs, old_inputs=made.inputs, news=news
        )
        made.inputs, made.outputs = news, from_struct(updated.properties)
        await self.unchanged(made, program)

    async def unchanged(self, made: Made, program: Json) -> None:
        """A second update has nothing to do, a refresh finds nothing, an import finds what the program gave."""
        diff = await self.diff(made, await self.check(made.urn, program, made.inputs))
        self.expect(
            diff.changes == NONE, f"{made.urn}: a second update would change {list(diff.detailedDiff)}"
        )
        read = await self.call("Read", urn=made.urn, id=made.id, properties=made.outputs, inputs=made.inputs)
        self.expect(read.id == made.id, f"{made.urn} is read as {read.id!r}, not {made.id!r}")
        found = plain(from_struct(read.inputs))
        self.expect(found == plain(made.inputs), f"{made.urn} drifts: {found} is not {plain(made.inputs)}")
        imported = from_struct((await self.call("Read", urn=made.urn, id=made.id)).inputs)
        lost = missing(program, imported)
        self.expect(not lost, f"{made.urn}: an import finds no {lost}")

    async def functions(self) -> None:
        """``getX`` finds each, and what lists keys and the like answers, or says that local Azure doesn't serve it."""
        for made in self.made.values():
            token = f"azure-native:{made.row.token}"
            fact = FACTS.resource(token)
            names = {name: made.inputs[name] for name, p in fact.inputs.items() if p.location == "path"}
            module, _, name = token.rpartition(":")
            got = await self.invoke(f"{module}:get{name}", names)
            self.expect(got["id"].lower() == made.id.lower(), f"get{name} finds {got['id']}, not {made.id}")
            for function, (of, _, _) in FACTS.table["functions"].items():
                if of == token:
                    await self.asked(function, names)

    async def asked(self, function: str, arguments: Json) -> None:
        try:
            self.expect(bool(await self.invoke(function, arguments)), f"{function} answers nothing")
        except RefusedError as error:
            self.expect(SILENT.search(str(error)) is not None, f"{function}: {error}")

    async def invoke(self, token: str, arguments: Json) -> Json:
        answer = await self.call("Invoke", tok=token, args=arguments)
        return from_struct(getattr(answer, "return"))

    async def delete(self, made: Made) -> None:
        fields: Json = {"urn": made.urn, "id": made.id, "properties": made.outputs, "old_inputs": made.inputs}
        await self.call("Delete", **fields)
        await self.call("Delete", **fields)
        if FACTS.resource(f"azure-native:{made.row.token}").singleton is None:
            read = await self.call(
                "Read", urn=made.urn, id=made.id, properties=made.outputs, inputs=made.inputs
            )
            self.expect(read.id == "", f"{made.urn} is there after its delete")

    def expect(self, held: bool, problem: str) -> None:
        if not held:
            self.problems.append(problem)


def what_programs_read(made: dict[str, Made]) -> None:
    outputs = {key: each.outputs for key, each in made.items()}
    identity = outputs["mlw"]["identity"]["userAssignedIdentities"]
    assert identity[made["userassignedidentity"].id]["principalId"]
    assert outputs["mlw"]["workspaceId"]
    name = outputs["storageaccount"]["name"]
    assert outputs["storageaccount"]["primaryEndpoints"]["blob"] == f"https://{name}.blob.core.windows.net/"
    vault = outputs["vault"]
    assert vault["properties"]["vaultUri"] == f"https://{vault['name']}.vault.azure.net/"
    assert outputs["component"]["connectionString"]
    assert outputs["acr"]["loginServer"]
    [connection] = outputs["privateendpoint"]["privateLinkServiceConnections"]
    assert connection["privateLinkServiceConnectionState"]["status"] == "Approved"


def mistaken(known: Any, found: Any, at: str = "") -> list[str]:
    """Where what a preview said isn't what was made; what it didn't know, and what no answer has, may be anything."""
    known = plain(known)
    if known is UNKNOWN:
        return []
    if isinstance(known, dict):
        members = found if isinstance(found, dict) else {}
        kept = {key: value for key, value in known.items() if key not in WRITE_ONLY}
        return [p for key, value in kept.items() for p in mistaken(value, members.get(key), f"{at}.{key}")]
    if isinstance(known, list) and isinstance(found, list) and len(known) == len(found):
        pairs = enumerate(zip(known, found, strict=True))
        return [p for index, (a, b) in pairs for p in mistaken(a, b, f"{at}[{index}]")]
    return [] if known == found else [f"{at}: {known!r} for {found!r}"]


def missing(given: Any, found: Any, at: str = "") -> list[str]:
    """Where ``found`` lacks what a program gave; ids and locations differ by case and spaces only in appearance."""
    if isinstance(given, dict):
        kept = {key: value for key, value in given.items() if key not in WRITE_ONLY}
        return [
            p for key, value in kept.items() for p in missing(value, (found or {}).get(key), f"{at}.{key}")
        ]
    if isinstance(given, list):
        return [] if len(given) == len(found or []) else [f"{at}: {found!r}"]
    same = str(given).replace(" ", "").lower() == str(found).replace(" ", "").lower()
    return [] if same or given is False else [f"{at}: {found!r} for {given!r}"]


def references(row: Row) -> set[str]:
    """The rows that have to be there before."""
    return {match[1] for match in REFERENCE.finditer(json.dumps([row.inputs, row.change]))}


async def side_by_side(
    rows: list[Row], after: dict[str, set[str]], act: Callable[[Row], Awaitable[None]]
) -> list[str]:
    """Acts on each row once those that it comes after are done; what went wrong."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def one(row: Row) -> None:
        for key in after[row.key]:
            if key in tasks:
                await asyncio.shield(tasks[key])
        await act(row)

    for row in rows:
        tasks[row.key] = asyncio.create_task(one(row))
    ended = await asyncio.gather(*tasks.values(), return_exceptions=True)
    return [f"{row.key}: {end!r}" for row, end in zip(rows, ended, strict=True) if end is not None]


def test_every_type_of_the_mapping_has_a_row_or_says_where_it_is_tested():
    if not MAPPING.exists():
        pytest.skip(f"{MAPPING} is not on this machine")
    rows = {f"azure-native:{row.token}" for row in ROWS}
    elsewhere = {f"azure-native:{token}" for token in ELSEWHERE}
    assert not rows & elsewhere
    assert set(json.loads(MAPPING.read_text())) <= rows | elsewhere


def test_no_type_drifts_and_all_are_made_and_deleted_as_azure_native_does(local_azure):
    before = {row.key: references(row) for row in ROWS}
    assert len(before) == len(ROWS), "two rows have the same name"
    locks = [row for row in ROWS if "Lock" in row.token]
    others = [row for row in ROWS if row not in locks]
    after = {row.key: {other.key for other in ROWS if row.key in before[other.key]} for row in ROWS}

    async def scenario() -> list[str]:
        configuration = Configuration.read({}, local_azure.env)
        client = await configuration.connect()
        servicer = Servicer()
        subscription = configuration.subscription_id
        servicer._resources = Resources(FACTS, client, subscription, "westeurope")
        servicer._functions = Functions(FACTS, client, configuration.credential, subscription)
        life = Life(servicer)
        try:
            problems = await side_by_side(others, before, life.create)
            problems += await side_by_side(locks, before, life.create)
            await life.functions()
            what_programs_read(life.made)
            made = [row for row in reversed(others) if row.key in life.made]
            problems += await side_by_side(locks, after, lambda row: life.delete(life.made[row.key]))
            problems += await side_by_side(made, after, lambda row: life.delete(life.made[row.key]))
        finally:
            await client.close()
        return life.problems + problems

    problems = asyncio.run(scenario())
    assert not problems, "\n".join(problems)
