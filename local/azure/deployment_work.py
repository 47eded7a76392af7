"""Deploying what a template's plan says: requests in its order, what they read fetched, and how each went.

What a nested deployment got of its parent's secure parameters stands in its template as plain text, in Azure too (Microsoft
Learn, "Expression evaluation scope in nested templates", warns of it). Local Azure blots it out when the nested one has ended.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from local.azure.errors import ArmError
from local.azure.logic.expression_parser import ExpressionError
from local.azure.resource_type import Json
from local.azure.template import parameter
from local.azure.template.duration import written
from local.azure.template.plan import DEPLOYMENT, Plan, Planned
from local.azure.template.scope import Needed, NeededError, Scope
from local.azure.template.unique import unique_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Answer, Record

_BLOT = "********"
#: A shorter secret is blotted out only where it is the whole of a text.
_SHORTEST = 4


def reference(one: Planned) -> Json:
    """A planned resource, as operations and dependencies name it."""
    return {"id": one.id, "resourceType": one.type, "resourceName": one.name}


def secure_values(template: Mapping[str, Any], values: Mapping[str, Any]) -> frozenset[str]:
    """The texts in the values of a template's secure parameters."""
    declared: Mapping[str, Any] = template.get("parameters") or {}
    return frozenset(
        text
        for name, one in declared.items()
        if parameter.is_secure(one)
        for text in _texts(values.get(name))
        if text
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def blotted(value: Any, secrets: frozenset[str]) -> Any:
    """A value without the secrets in its texts."""
    if isinstance(value, str):
        if value in secrets:
            return _BLOT
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
                value = value.replace(secret, _BLOT)
        return value
    if isinstance(value, dict):
        return {key: blotted(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [blotted(item, secrets) for item in value]
    return value


def redact(azure: Azure, deployment: str, secrets: frozenset[str]) -> None:
    """Blots secrets out of a deployment's record, and of those nested in it."""
    record = azure.store.get(deployment)
    if record is None or not secrets:
        return
    clean = blotted(record.body, secrets)
    if clean != record.body:
        azure.store.put(record.id, clean)
    for operation in record.body["properties"].get("operations") or []:
        target: Json = operation["properties"].get("targetResource") or {}
        if str(target.get("resourceType", "")).lower() == DEPLOYMENT.lower():
            redact(azure, str(target["id"]), secrets)


@dataclass
class Work:
    """One deployment under way."""

    azure: Azure
    record: Record
    plan: Plan
    known: dict[Needed, Any] = field(default_factory=dict[Needed, Any])
    operations: list[Json] = field(default_factory=list[Json])
    #: the values of the template's secure parameters
    secrets: frozenset[str] = frozenset()

    @property
    def by(self) -> str:
        """In whose name resources are made."""
        return self.record.modified_by or self.record.created_by

    async def run(self) -> None:
        """Makes all resources, each when what it depends on is there.

        Raises:
            ArmError: one can't be made; what doesn't depend on it is made all the same.
        """
        done: set[str] = set()
        waiting = list(self.plan.resources)
        errors: list[ArmError] = []
        while ready := [one for one in waiting if one.depends <= done]:
            waiting = [one for one in waiting if one not in ready]
            for one, error in zip(
                ready, await asyncio.gather(*(self._deploy(one) for one in ready)), strict=True
            ):
                if error is None:
                    done.add(one.key)
                else:
                    errors.append(error)
        if errors:
            raise ArmError(
                409,
                "DeploymentFailed",
                "At least one resource deployment operation failed. Please list deployment operations for details.",
                target=self.record.id,
                details=[error.body()["error"] for error in errors],
            )

    async def _deploy(self, one: Planned) -> ArmError | None:
        began = self.azure.now()
        operation: Json = {
            "id": f"{self.record.id}/operations/{unique_string(one.id).upper()}",
            "operationId": unique_string(one.id).upper(),
            "properties": {
                "provisioningOperation": "Create",
                "provisioningState": "Running",
                "timestamp": began.isoformat(),
                "duration": "PT0S",
                "trackingId": str(uuid.uuid4()),
                "targetResource": reference(one),
            },
        }
        self.operations.append(operation)
        self._save()
        answer: Answer | None = None
        error: ArmError | None = None
        try:
            body = await self.evaluated(one.body)
            answer = await request(self.azure, "PUT", one.id, one.api_version, body, by=self.by)
        except ArmError as refused:
            error = refused
        operation["properties"] |= {
            "provisioningState": "Succeeded" if error is None else "Failed",
            "duration": written((self.azure.now() - began).total_seconds()),
            "serviceRequestId": str(uuid.uuid4()),
            "statusCode": "OK" if error is None else "Conflict" if error.status == 409 else "BadRequest",
            **({"statusMessage": error.body()} if error is not None else {}),
        }
        if answer is not None and answer.status == 201:
            operation["properties"]["statusCode"] = "Created"
        self._save()
        if one.type.lower() == DEPLOYMENT.lower():
            redact(self.azure, one.id, self.secrets)
        return error

    async def evaluated(self, evaluate: Callable[[Scope], Any]) -> Any:
        """A value of the template, with what it reads of other resources fetched.

        Raises:
            ArmError: 400, an expression fails; the error of what it reads.
        """
        while True:
            try:
                return evaluate(replace(self.plan.scope, known=self.known))
            except NeededError as error:
                self.known[error.needed] = await fetched(self.azure, error.needed, by=self.by)
            except ExpressionError as error:
                raise ArmError(
                    400, "InvalidTemplate", f"Unable to process template language expressions: '{error}'"
                ) from None

    def _save(self) -> None:
        current = self.azure.store.get(self.record.id)
        if current is not None:
            properties = {**current.body["properties"], "operations": self.operations}
            self.azure.store.put(self.record.id, {**current.body, "properties": properties})


async def request(
    azure: Azure, method: str, path: str, api_version: str, body: Any = None, *, by: str
) -> Answer:
    """A request to Azure Resource Manager, followed to the end of its operation.

    Raises:
        ArmError: what it is refused with, or what its operation fails with.
    """
    answer = await azure.arm(method, path, {"api-version": api_version}, body, by=by)
    _raise(answer)
    url = answer.headers.get("Azure-AsyncOperation") or (
        answer.headers.get("Location") if answer.status == 202 else None
    )
    while url:
        parts = urlsplit(url)
        status = await azure.arm("GET", parts.path, dict(parse_qsl(parts.query)), by=by)
        _raise(status)
        state = status.body.get("status") if isinstance(status.body, dict) else None
        if state in ("Failed", "Canceled"):
            error: Json = status.body.get("error") or {
                "code": state,
                "message": f"The operation ended as {state}.",
            }
            raise ArmError(409, error["code"], error["message"], details=error.get("details"))
        if status.status != 202 and state in (None, "Succeeded"):
            break
        await asyncio.sleep(0.01)
    return answer


def _raise(answer: Answer) -> None:
    if answer.status >= 400:
        error = answer.body["error"]
        raise ArmError(answer.status, error["code"], error["message"], details=error.get("details"))


async def fetched(azure: Azure, needed: Needed, *, by: str) -> Any:
    """What an expression needs of a resource.

    Raises:
        ArmError: it isn't there.
    """
    if not needed.action:
        return (await request(azure, "GET", needed.resource, needed.api_version, by=by)).body
    body = json.loads(needed.body) if needed.body else None
    path = f"{needed.resource}/{needed.action}"
    return (await request(azure, "POST", path, needed.api_version, body, by=by)).body
