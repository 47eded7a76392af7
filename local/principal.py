"""Principals of local Azure from the command line: make them, and be one of them.

``python -m local principal`` speaks Microsoft Graph to the running local Azure, as ``az ad`` does; ``env --as`` points a
shell at local Azure as one of them.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from local import service

if TYPE_CHECKING:
    import requests

    from local.settings import LocalDir

GRAPH = "https://graph.microsoft.com/v1.0"
ARM = "https://management.azure.com"
_COLLECTIONS = {"service-principal": "servicePrincipals", "user": "users", "group": "groups"}


class Client:
    """Requests to the running local Azure as its first service principal.

    Raises:
        ServiceError: local Azure doesn't run, or it refuses; the message is its own.
    """

    def __init__(self, directory: LocalDir) -> None:
        import requests  # noqa: PLC0415 (slow, and only these commands need it)

        self.variables = service.client_environment(directory)
        self._session: requests.Session = requests.Session()
        self._session.trust_env = False
        self._session.proxies = {"https": self.variables["HTTPS_PROXY"]}
        self._session.verify = self.variables["REQUESTS_CA_BUNDLE"]
        self._tokens: dict[str, str] = {}

    def call(self, method: str, url: str, body: Any = None) -> Any:
        """One request; the JSON body of its answer."""
        resource = "/".join(url.split("/")[:3])
        if resource not in self._tokens:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.variables["AZURE_CLIENT_ID"],
                "client_secret": self.variables["AZURE_CLIENT_SECRET"],
                "scope": f"{resource}/.default",
            }
            login = f"https://login.microsoftonline.com/{self.variables['AZURE_TENANT_ID']}/oauth2/v2.0/token"
            self._tokens[resource] = self._session.post(login, data=form, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {self._tokens[resource]}"}
        answer = self._session.request(method, url, json=body, headers=headers, timeout=30)
        content = answer.json() if answer.content else None
        if not answer.ok:
            raise service.ServiceError(
                str(content["error"]["message"]) if content else f"{url}: {answer.status_code}"
            )
        return content


def create(client: Client, name: str, kind: str) -> dict[str, Any]:
    """Makes a principal; what it returns has the secret, which nobody sees again."""
    if kind == "group":
        made = client.call("POST", f"{GRAPH}/groups", {"displayName": name})
        return {"name": name, "kind": kind, "objectId": made["id"]}
    if kind == "user":
        made = client.call("POST", f"{GRAPH}/users", {"displayName": name})
        return {"name": name, "kind": kind, "objectId": made["id"], **_secret(client, f"users/{made['id']}")}
    application = client.call("POST", f"{GRAPH}/applications", {"displayName": name})
    made = client.call("POST", f"{GRAPH}/servicePrincipals", {"appId": application["appId"]})
    return {
        "name": name,
        "kind": kind,
        "objectId": made["id"],
        **_secret(client, f"applications/{application['id']}"),
    }


def _secret(client: Client, path: str) -> dict[str, Any]:
    answer = client.call("POST", f"{GRAPH}/{path}/addPassword", {})
    return {"clientId": answer["customKeyIdentifier"], "clientSecret": answer["secretText"]}


def everybody(client: Client) -> list[dict[str, Any]]:
    """All principals: name, kind, object id."""
    return [
        {"name": one["displayName"], "kind": kind, "objectId": one["id"]}
        for kind, collection in _COLLECTIONS.items()
        for one in client.call("GET", f"{GRAPH}/{collection}")["value"]
    ]


def find(client: Client, name: str) -> dict[str, Any]:
    """The principal of a name or object id.

    Raises:
        ServiceError: there is none, or several have the name.
    """
    found = [one for one in everybody(client) if name.lower() in (one["name"].lower(), one["objectId"])]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(one["objectId"] for one in found)
        raise service.ServiceError(
            f"Several principals are called '{name}'; name one by its object id: {ids}."
        )
    known = ", ".join(sorted(one["name"] for one in everybody(client)))
    raise service.ServiceError(f"There is no principal '{name}'; there are: {known}.")


def delete(client: Client, name: str) -> None:
    """Removes a principal; its role assignments stay, as in Azure."""
    one = find(client, name)
    if one["kind"] == "service-principal":
        found = client.call("GET", f"{GRAPH}/servicePrincipals/{one['objectId']}")
        client.call("DELETE", f"{GRAPH}/applications(appId='{found['appId']}')")
    else:
        client.call("DELETE", f"{GRAPH}/{_COLLECTIONS[one['kind']]}/{one['objectId']}")


def join(client: Client, group: str, member: str) -> None:
    """Puts a principal into a group."""
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{find(client, member)['objectId']}"}
    client.call("POST", f"{GRAPH}/groups/{find(client, group)['objectId']}/members/$ref", reference)


def environment(client: Client, directory: LocalDir, name: str) -> dict[str, str]:
    """The variables of a shell that is somebody else: a principal (with a new secret) or a user-assigned identity.

    Args:
        client: requests to local Azure.
        directory: where it keeps its things.
        name: the name or object id of a principal, or the id of a user-assigned identity.
    """
    kept = {
        key: value
        for key, value in client.variables.items()
        if key not in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET")
    }
    if name.startswith("/"):
        return kept | _managed(client, directory, name)
    one = find(client, name)
    if one["kind"] == "group":
        raise service.ServiceError(f"'{name}' is a group, and groups don't sign in; name one of its members.")
    path = f"users/{one['objectId']}" if one["kind"] == "user" else f"servicePrincipals/{one['objectId']}"
    secret = _secret(client, path)
    return kept | {
        "AZURE_CLIENT_ID": secret["clientId"],
        "AZURE_CLIENT_SECRET": secret["clientSecret"],
        "ARM_CLIENT_ID": secret["clientId"],
        "ARM_CLIENT_SECRET": secret["clientSecret"],
    }


def whereabouts(directory: LocalDir, inside: str, address: str) -> dict[str, str]:
    """The variables of a shell whose requests come from a virtual network (name or id) or a public address.

    Raises:
        ServiceError: there is no such network, several have the name, or it is no address.
    """
    from local.azure.access import vantage  # noqa: PLC0415

    client = Client(directory)
    if inside and address:
        raise service.ServiceError("A shell is in one place: give --inside or --from.")
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise service.ServiceError(f"'{address}' is no address; write one such as 203.0.113.7.") from None
        how, place = vantage.FROM, address
    else:
        how, place = vantage.INSIDE, _network(client, inside)
    port = int(client.variables["HTTPS_PROXY"].rsplit(":", 1)[1])
    proxy = vantage.proxy_address(port, how, place)
    return {"HTTPS_PROXY": proxy, "https_proxy": proxy}


def _network(client: Client, name: str) -> str:
    scope = f"{ARM}/subscriptions/{client.variables['AZURE_SUBSCRIPTION_ID']}"
    listed = client.call("GET", f"{scope}/providers/Microsoft.Network/virtualNetworks?api-version=2024-05-01")
    ids = [str(one["id"]) for one in listed["value"]]
    found = [one for one in ids if name.lower() in (one.lower(), one.rsplit("/", 1)[1].lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise service.ServiceError(
            f"Several virtual networks are called '{name}'; name one by its id: {', '.join(found)}."
        )
    known = ", ".join(one.rsplit("/", 1)[1] for one in ids) or "none"
    raise service.ServiceError(f"There is no virtual network '{name}'; there are: {known}.")


def _managed(client: Client, directory: LocalDir, resource_id: str) -> dict[str, str]:
    from local.azure import identity  # noqa: PLC0415 (loads cryptography)
    from local.azure.access import instance_identity  # noqa: PLC0415

    record = client.call("GET", f"{ARM}{resource_id}?api-version=2023-01-31")
    running = service.find(directory)
    if running is None:
        raise service.ServiceError("Local Azure is not running; start it with `python -m local start`.")
    ids = record["properties"]
    signer = identity.load(directory.identity)
    return instance_identity.variables(signer, running.port, ids["principalId"], ids["clientId"])
