"""How an endpoint's requests are shared out between its deployments: read, modify, write, read back.

Azure has no resource for this: the shares are a property of the endpoint that every PUT without them resets. Here they
are a resource, so that they change after a new deployment is up and before an old one goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml.client import AzureMLError
from ml.online_endpoint import writable
from ml.provider import Made, Props, Provider, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door


class TrafficProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | endpoint | another endpoint's traffic |
    | shares | written; deployments that aren't named get nothing |

    Deleting sets all shares to 0, so that the deployments can go; a missing endpoint has none.
    """

    replaces = frozenset({"endpoint"})

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Refuses shares that Azure would refuse, before anything is touched."""
        del door, olds
        shares = news.get("shares")
        wrong = invalid(shares) if isinstance(shares, dict) and all(map(known, shares.values())) else None
        return [("shares", wrong)] if wrong else []

    def make(self, door: Door, inputs: Props) -> Made:
        """Sets the shares."""
        _write(door, inputs["endpoint"], inputs["shares"])
        return Made(inputs["endpoint"], {})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """The shares as they are; our deployments show with 0 as well."""
        found = door.find(f"endpoint {resource_id}", lambda: door.client.online_endpoints.get(resource_id))
        if found is None:
            return None
        mine = {name: 0 for name, share in props["shares"].items() if share == 0}
        return {"shares": {**mine, **live(found.traffic)}}

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Sets the shares."""
        del olds
        _write(door, news["endpoint"], news["shares"])
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Sets all shares to 0."""
        del props
        found = door.find(f"endpoint {resource_id}", lambda: door.client.online_endpoints.get(resource_id))
        if found is not None and (live(found.traffic) or live(found.mirror_traffic)):
            _write(door, resource_id, {})


def live(traffic: Mapping[str, Any] | None) -> dict[str, int]:
    """The deployments that get requests, with their shares in percent."""
    return {name: int(share) for name, share in (traffic or {}).items() if int(share) > 0}


def invalid(shares: Mapping[str, Any]) -> str | None:
    """Why Azure would refuse these shares (percent by deployment); None if it wouldn't."""
    wrong = [name for name, share in shares.items() if not 0 <= float(share) <= 100 or float(share) % 1]
    if wrong:
        return (
            f"the shares of {', '.join(sorted(wrong))} aren't whole numbers from 0 to 100; write percentages"
        )
    total = sum(int(share) for share in shares.values())
    if total not in (0, 100):
        return f"the shares sum to {total}, and requests without a deployment would fail; make it 0 or 100"
    return None


def _write(door: Door, endpoint: str, shares: Mapping[str, Any]) -> None:
    what = f"traffic of {endpoint}"
    if wrong := invalid(shares):
        raise AzureMLError(f"{what}: {wrong}")
    wanted = live(shares)
    endpoints = door.client.online_endpoints
    entity: Any = writable(door.do(what, lambda: endpoints.get(endpoint)))
    missing = [name for name in wanted if name not in {**entity.traffic, **entity.mirror_traffic}]
    if missing:
        raise AzureMLError(f"{what}: there is no deployment {', '.join(missing)}; deploy it first")
    if live(entity.traffic) == wanted:
        return
    entity.traffic = wanted
    # A deployment with live traffic can't be mirrored to; with no traffic there is nothing to mirror.
    mirrored = live(entity.mirror_traffic)
    entity.mirror_traffic = {name: share for name, share in mirrored.items() if wanted and name not in wanted}
    seen = door.settle(
        what, lambda: endpoints.begin_create_or_update(entity), lambda: endpoints.get(endpoint)
    )
    if live(seen.traffic) != wanted:
        raise AzureMLError(
            f"{what}: is {live(seen.traffic)} after {wanted} was written; someone else is changing it: run `up` again"
        )


class Traffic(pulumi.dynamic.Resource, module="ml", name="Traffic"):
    """An endpoint's traffic; ``shares`` in percent by deployment, summing to 100 (or 0: none)."""

    shares: pulumi.Output[dict[str, int]]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        shares: pulumi.Input[Mapping[str, pulumi.Input[int]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "endpoint": endpoint,
            "shares": shares,
        }
        super().__init__(TrafficProvider(), resource_name, props, opts)
