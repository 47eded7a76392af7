"""What the dynamic providers share: settings, the door to the workspace, diffs, and errors of one line.

A provider says what is particular about its resource in four methods (``make``, ``look``, ``change``, ``remove``) and
three sets of keys. Providers are classes of importable modules and have no state that pickles: a stack's state holds a
reference to the class (some tens of bytes), so editing a provider never shows as a change. Old stacks name these
classes: they must stay importable where they are.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.runtime.rpc import UNKNOWN

from ml.client import AzureMLError, Door, Settings, load, subscription, use_cloud

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

Props = dict[str, Any]

_PROVIDER_KEY = "__provider"
#: Where a resource is: a change of either makes another one.
_PLACE = frozenset({"resource_group", "workspace"})


@dataclass(frozen=True)
class Made:
    """A created resource: Pulumi's id and what only Azure knows."""

    id: str
    computed: Props


class Provider(ResourceProvider):
    """The dynamic provider of one kind of Azure ML resource."""

    # The serialized provider is the name of a class: nothing to encrypt.
    serialize_as_secret_always = False

    #: inputs that can't change in place
    replaces: ClassVar[frozenset[str]] = frozenset()
    #: inputs that may change without the resource changing; each provider's docstring says why
    ignored: ClassVar[frozenset[str]] = frozenset()
    #: outputs that aren't inputs
    computed: ClassVar[frozenset[str]] = frozenset()

    _settings: Settings | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # By reference and without state, whatever configure() has left here.
        return type(self), ()

    # What a resource is

    def make(self, door: Door, inputs: Props) -> Made:
        """Creates the resource, or adopts what an interrupted run has left."""
        raise NotImplementedError

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What Azure has now: those inputs and outputs that can be read back; None if it is gone."""
        raise NotImplementedError

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates in place; returns the computed outputs."""
        raise NotImplementedError

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Deletes; gone before is fine."""
        raise NotImplementedError

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Checks new inputs, which may be ``UNKNOWN`` in a preview; may fill in some.

        Returns (key, what is wrong and what to do). ``door`` is None where the workspace isn't known.
        """
        del door, olds, news
        return []

    # What Pulumi calls

    def configure(self, req: ConfigureRequest) -> None:
        """Takes the stack's settings (and, in the provider's process, keeps errors to one line)."""
        if _is_provider_process():
            # pulumi.dynamic answers with the whole traceback; ours says nothing that the message doesn't, and
            # unexpected ones are put into the message by _one_line.
            sys.tracebacklimit = 0
        use_cloud(req.config.get("azure-native:environment"))
        self._settings = _settings(req)

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Validates; what a preview doesn't know yet passes."""
        with _one_line():
            failures = self.inspect(self._door(news), _olds, news)
        return CheckResult(news, [CheckFailure(key, reason) for key, reason in failures])

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Compares property by property."""
        changed = changes(_olds, _news, unless=self.ignored | self.computed)
        return DiffResult(
            changes=bool(changed),
            replaces=sorted(changed & (self.replaces | _PLACE)),
            delete_before_replace=False,
        )

    def create(self, props: Props) -> CreateResult:
        """Makes or adopts the resource."""
        with _one_line():
            made = self.make(self._open(props), props)
        return CreateResult(made.id, {**_inputs(props), **made.computed})

    def read(self, id_: str, props: Props) -> ReadResult:
        """Reads the resource for a refresh: inputs too, so that the next diff compares with what is there."""
        with _one_line():
            seen = self.look(self._open(props), id_, props)
        if seen is None:
            return ReadResult("", {})
        outs = {**_inputs(props), **seen}
        return ReadResult(id_, outs, {key: outs[key] for key in outs if key not in self.computed})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        """Changes the resource in place."""
        with _one_line():
            computed = self.change(self._open(_news), _olds, _news)
        kept = {key: _olds[key] for key in self.computed if key in _olds}
        return UpdateResult({**_inputs(_news), **kept, **computed})

    def delete(self, _id: str, _props: Props) -> None:
        """Removes the resource."""
        with _one_line():
            self.remove(self._open(_props), _id, _props)

    def _open(self, props: Props) -> Door:
        door = self._door(props)
        if door is None:
            raise AzureMLError(f"{type(self).__name__}: the workspace isn't known")
        load()
        return door

    def _door(self, props: Props) -> Door | None:
        group, workspace = props.get("resource_group"), props.get("workspace")
        if not known(group) or not known(workspace):
            return None
        if self._settings is None:
            self._settings = Settings(subscription(None))
        return Door(self._settings, str(group), str(workspace), say)


def known(value: Any) -> bool:
    """Whether a value is there and isn't one that only the update will know."""
    return value is not None and value != UNKNOWN


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], *, unless: frozenset[str]) -> frozenset[str]:
    """The keys whose values differ; a missing one equals None."""
    keys = (set(olds) | set(news)) - unless - {_PROVIDER_KEY}
    return frozenset(key for key in keys if olds.get(key) != news.get(key))


def say(text: str) -> None:
    """One line for whoever watches: engines show what providers print."""
    print(text, flush=True)  # noqa: T201


def _inputs(props: Props) -> Props:
    return {key: value for key, value in props.items() if key != _PROVIDER_KEY}


def _settings(req: ConfigureRequest) -> Settings:
    def seconds(key: str, default: float) -> float:
        value = req.config.get(f"mlops:{key}")
        try:
            number = default if value is None else float(value)
        except (TypeError, ValueError):
            number = 0.0
        if number <= 0:
            raise AzureMLError(f"mlops:{key}: {value!r} isn't a number of seconds; write one above 0")
        return number

    with _one_line():
        return Settings(
            subscription_id=subscription(req.config.get("azure-native:subscriptionId")),
            poll_interval=seconds("pollInterval", Settings.poll_interval),
            timeout=seconds("timeout", Settings.timeout),
            training_timeout=seconds("trainingTimeout", Settings.training_timeout),
            permission_timeout=seconds("permissionTimeout", Settings.permission_timeout),
        )


def _is_provider_process() -> bool:
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    return getattr(main, "name", None) == "pulumi.dynamic.__main__"


@contextmanager
def _one_line() -> Generator[None]:
    try:
        yield
    except AzureMLError as error:
        raise AzureMLError(str(error)) from None
    except Exception as error:
        if not _is_provider_process():
            raise
        whole = "".join(traceback.format_exception(error, limit=30))
        raise AzureMLError(f"unexpected {type(error).__name__}: {error}\n{whole}") from None
