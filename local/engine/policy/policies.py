"""Judging an operation by its policy packs: resources before anything is done to them, the stack at the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import analyzer_pb2

from local.engine import urn as urns
from local.engine.display.view import blinded
from local.engine.error import EngineError, ViolationError
from local.engine.policy.pack import PackSource, PolicyProcess, StackFacts, level_of, severity_of
from local.engine.policy.policy_config import (
    ADVISORY,
    DISABLED,
    MANDATORY,
    REMEDIATE,
    RESOURCE,
    STACK,
    parse,
    problems,
    reconcile,
    unknown,
)
from local.engine.policy.wire import options, provider_of, secrets_in, visible
from local.engine.property_value import annotate, decode, encode, flatten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from local.engine.display.events import Stream
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.goal import Goal

_SHORTEST_SECRET = 3  # masking shorter ones would eat the message


async def load(sources: Sequence[PackSource], facts: StackFacts, events: Stream) -> Policies:
    """Start the packs and set their policies; raises EngineError for the first that can't be used."""
    settings = [parse(source.setting_text(), source.config) for source in sources]
    packs = [PolicyProcess(source, events.diagnose) for source in sources]
    loaded = Policies(packs, facts, events)
    for _ in packs:
        events.emit("policyLoadEvent")
    try:
        # All are waited for: one that is still starting when another fails would be left over.
        for ended in await asyncio.gather(*(pack.start(facts) for pack in packs), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended
        for pack, setting in zip(packs, settings, strict=True):
            file = pack.source.config
            if not pack.takes_settings:
                if file:
                    raise EngineError(f'policy pack "{pack.name}" at "{pack.source.path}" takes no {file}')
                continue
            wanted = reconcile(pack.policies, pack.initial, setting)
            if wrong := problems(pack.policies, wanted):
                at = file or "the pack's own defaults"
                raise EngineError(
                    f"validating policy config: {pack.name} {pack.version}  {at}: {'; '.join(wrong)}"
                )
            for name in unknown(pack.policies, setting):
                names = ", ".join(policy.name for policy in pack.policies)
                events.diagnose(
                    "warning",
                    f"{file} sets '{name}', which the pack {pack.name} doesn't have; it has {names}",
                )
            await pack.configure(wanted)
    except BaseException:
        await loaded.close()
        raise
    return loaded


class Policies:
    """The packs of one operation."""

    def __init__(self, packs: Sequence[PolicyProcess], facts: StackFacts, events: Stream) -> None:
        self._packs = packs
        self._facts = facts
        self._events = events
        self._secrets = {facts.config[key] for key in facts.secret_keys if key in facts.config}
        self._delete_first: dict[str, bool | None] = {}
        self.violated = False

    @property
    def names(self) -> dict[str, str]:
        """Name → version, as summaries have it."""
        return {f"{pack.name}|local|{_short(pack.source.path)}": pack.version for pack in self._packs}

    async def close(self) -> None:
        """End the packs' processes."""
        await asyncio.gather(*(pack.close() for pack in self._packs))

    # -- one resource

    async def judge(self, goal: Goal, new: ResourceState, provider: ResourceState | None) -> None:
        """Remediate a resource's inputs, then have every pack look at them.

        Raises ViolationError where a mandatory policy is violated and the operation is no preview.
        """
        self._delete_first[new.urn] = goal.delete_before_replace
        await self.remediate(goal, new, provider)
        request = self._request(goal, new, provider, internal=False)
        responses = await asyncio.gather(*(pack.analyze(request) for pack in self._packs))
        refused = False
        for pack, response in zip(self._packs, responses, strict=True):
            hidden = self._secrets | secrets_in(new.inputs) if response.diagnostics else self._secrets
            for diagnostic in response.diagnostics:
                refused |= self._violation(pack, diagnostic, new.urn, hidden)
            self._summarize("policyAnalyzeSummaryEvent", pack, response, urn=new.urn)
        if refused and not self._facts.preview:
            raise ViolationError

    async def remediate(
        self, goal: Goal, new: ResourceState, provider: ResourceState | None, *, again: bool = False
    ) -> None:
        """Let remediating policies change a resource's inputs, one pack after another; `again` says it in no event."""
        for pack in self._packs:
            response = analyzer_pb2.RemediateResponse()
            if any(policy.level == REMEDIATE for policy in pack.policies):
                response = await pack.remediate(self._request(goal, new, provider, internal=True))
            for remediation in response.remediations:
                self._remediated(pack, remediation, new, again=again)
            if not again:
                self._summarize("policyRemediateSummaryEvent", pack, response, urn=new.urn)

    def _remediated(self, pack: PolicyProcess, remediation: Any, new: ResourceState, *, again: bool) -> None:
        about = _about(pack, remediation)
        if remediation.diagnostic:
            if not again:
                self._say(
                    remediation.diagnostic,
                    self._secrets | secrets_in(new.inputs),
                    resourceUrn=new.urn,
                    **about,
                    enforcementLevel=ADVISORY,
                )
            return
        before = new.inputs
        # What policies copy loses its secrecy; the engine remembers what was secret.
        new.inputs = annotate(flatten(decode(remediation.properties)), before)
        if not again:
            self._events.emit(
                "policyRemediationEvent",
                resourceUrn=new.urn,
                color="raw",
                **about,
                before=blinded(before),
                after=blinded(new.inputs),
            )

    def _request(
        self, goal: Goal, new: ResourceState, provider: ResourceState | None, *, internal: bool
    ) -> analyzer_pb2.AnalyzeRequest:
        return analyzer_pb2.AnalyzeRequest(
            urn=new.urn,
            type=new.type,
            name=new.name,
            properties=encode(new.inputs if internal else visible(new.inputs), references=False),
            options=options(
                new, goal.delete_before_replace, [alias.urn for alias in goal.aliases if alias.urn]
            ),
            provider=provider_of(provider),
        )

    # -- the stack

    async def judge_stack(
        self, states: Iterable[ResourceState], providers: Mapping[str, ResourceState]
    ) -> None:
        """Have every pack look at all resources with their outputs; `violated` says what came of it."""
        states = list(states)
        request = analyzer_pb2.AnalyzeStackRequest(
            resources=[self._resource(state, providers) for state in states]
        )
        known = {state.urn for state in states}
        root = urns.make(
            self._facts.stack,
            self._facts.project,
            "",
            urns.STACK_TYPE,
            f"{self._facts.project}-{self._facts.stack}",
        )
        responses = await asyncio.gather(*(pack.analyze_stack(request) for pack in self._packs))
        hidden = self._secrets
        if any(response.diagnostics for response in responses):
            hidden = hidden.union(*(secrets_in([state.inputs, state.outputs]) for state in states))
        for pack, response in zip(self._packs, responses, strict=True):
            for diagnostic in response.diagnostics:
                urn = diagnostic.urn if diagnostic.urn in known else root
                self._violation(pack, diagnostic, urn, hidden)
            self._summarize("policyAnalyzeStackSummaryEvent", pack, response, kind=STACK)

    def _resource(
        self, state: ResourceState, providers: Mapping[str, ResourceState]
    ) -> analyzer_pb2.AnalyzerResource:
        depends = {
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=found)
            for key, found in state.property_dependencies.items()
            if found
        }
        return analyzer_pb2.AnalyzerResource(
            urn=state.urn,
            type=state.type,
            name=state.name,
            properties=encode(visible(state.outputs), references=False),
            options=options(state, self._delete_first.get(state.urn), []),
            provider=provider_of(providers.get(urns.split_reference(state.provider)[0])),
            parent=state.parent,
            dependencies=state.dependencies,
            propertyDependencies=depends,
        )

    # -- what is said

    def _violation(self, pack: PolicyProcess, diagnostic: Any, urn: str, hidden: Collection[str]) -> bool:
        """Tell everybody of a violation; returns whether it is a mandatory policy's."""
        level = level_of(diagnostic)
        severity = severity_of(diagnostic) or next(
            (policy.severity for policy in pack.policies if policy.name == diagnostic.policyName), ""
        )
        self._say(
            diagnostic.message,
            hidden,
            resourceUrn=urn,
            **_about(pack, diagnostic),
            enforcementLevel=level,
            severity=severity,
        )
        self.violated |= level == MANDATORY
        return level == MANDATORY

    def _say(self, message: str, hidden: Collection[str], **fields: str) -> None:
        """Tell everybody what a policy says, secrets masked; fields without a value are left out."""
        for secret in hidden:
            if len(secret) >= _SHORTEST_SECRET:
                message = message.replace(secret, "[secret]")
        given = {name: value for name, value in fields.items() if value}
        self._events.emit("policyEvent", message=message + "\n", color="raw", **given)

    def _summarize(
        self,
        event: str,
        pack: PolicyProcess,
        response: Any,
        *,
        kind: str = RESOURCE,
        urn: str = "",
    ) -> None:
        """Which policies of a kind passed and which failed."""
        remediation = isinstance(response, analyzer_pb2.RemediateResponse)
        failures = response.remediations if remediation else response.diagnostics
        failed = {failure.policyName for failure in failures}
        aside = failed | {policy.policy_name for policy in response.not_applicable}
        passed = {
            policy.name
            for policy in pack.policies
            if policy.kind in {kind, ""} and policy.level != DISABLED and policy.name not in aside
        }
        fields: dict[str, Any] = {"resourceUrn": urn} if urn else {}
        fields |= {
            "policyPackName": pack.name,
            "policyPackVersion": pack.version,
            "policyPackVersionTag": pack.version,
        }
        if passed:
            fields["passed"] = sorted(passed)
        if failed:
            fields["failed"] = sorted(failed)
        self._events.emit(event, **fields)


def _about(pack: PolicyProcess, found: Any) -> dict[str, str]:
    return {
        "policyName": found.policyName,
        "policyPackName": found.policyPackName,
        "policyPackVersion": pack.version,
        "policyPackVersionTag": pack.version,
    }


def _short(path: str) -> str:
    """A path as displays show it: long ones without their middle."""
    import os.path  # noqa: PLC0415 - normpath has no equal in pathlib

    path = os.path.normpath(path)
    parts = path.split("/")
    if len(path) > 75 and len(parts) > 4:
        return "/".join([*parts[:2], "...", *parts[-2:]])
    return path
