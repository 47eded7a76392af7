"""What the stack's roles permit, decided by local Azure: each identity does its work, and is refused the rest by name."""

import uuid
from dataclasses import dataclass

import pytest
from running_azure import ARM, unique

from infra.access.custom_role import CustomRole, guid
from infra.access.grant import IDENTITY_ROLES
from infra.access.role import Role
from infra.access.table import AccessConfig
from infra.access.work import WORK
from local.azure import identity as entra
from local.azure.access import federation
from local.settings import LOCATION, TENANT_ID

ROLES, ML, IDENTITIES = "2022-04-01", "2025-12-01", "2023-01-31"
LOGIN = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"
TRUST = AccessConfig.model_validate(
    {"delivery": {"github": [{"repository": "acme/models", "environment": "prod"}]}}
).delivery.trusts[0]


@dataclass(frozen=True)
class Place:
    """A workspace with the stack's identities and custom roles."""

    azure: object
    workspace: object
    targets: dict[str, str]
    identities: dict[str, dict]
    container: str


class As:
    """Requests as one identity, signed in with a forge's token."""

    def __init__(self, place, identity, subject=TRUST[2]):
        self.place = place
        self.identity, self.subject = identity, subject
        self.answer = self.sign_in(ARM)

    def sign_in(self, resource):
        signer = entra.load(self.place.azure.dir.identity)
        form = {
            "grant_type": "client_credentials",
            "client_id": self.identity["clientId"],
            "scope": f"{resource}/.default",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": federation.assertion(signer, TRUST[1], self.subject),
        }
        return self.place.azure.session.post(LOGIN, data=form, timeout=30).json()

    def data(self, method, url, resource):
        """The status of a request to the data of an account or a vault."""
        headers = {
            "Authorization": f"Bearer {self.sign_in(resource)['access_token']}",
            "x-ms-version": "2024-08-04",
            "x-ms-blob-type": "BlockBlob",
        }
        body = b"x" if method == "PUT" else None
        return self.place.azure.session.request(
            method, url, data=body, headers=headers, timeout=30
        ).status_code

    def __call__(self, method, path, body=None, *, version=ML):
        """The status, and what a refusal names."""
        headers = {"Authorization": f"Bearer {self.answer['access_token']}"}
        url = f"{ARM}{path}?api-version={version}"
        response = self.place.azure.session.request(method, url, json=body, headers=headers, timeout=30)
        error = response.json().get("error", {}) if response.content else {}
        refused = error.get("message", "").partition("perform action '")[2].partition("'")[0]
        return response.status_code, refused


@pytest.fixture(scope="module")
def place(local_azure, empty_workspace):
    """What a stack's ``Access`` makes of its identities, by plain requests."""
    group = empty_workspace.group_id
    identities = {}
    for purpose in ("compute", "endpoint", "delivery", "submitter"):
        path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{purpose}"
        made = local_azure.put(path, {"location": LOCATION}, api_version=IDENTITIES)
        identities[purpose] = {"id": path, **made["properties"]}
        trust = {"issuer": TRUST[1], "subject": TRUST[2], "audiences": [federation.AUDIENCE]}
        credential = f"{path}/federatedIdentityCredentials/github"
        local_azure.put(credential, {"properties": trust}, api_version=IDENTITIES)
    for role in CustomRole:
        definition = {
            "roleName": f"{role.value} {unique()}",
            "type": "CustomRole",
            "assignableScopes": [group],
            "permissions": [{"actions": list(role.definition.actions), "notActions": []}],
        }
        path = f"{group}/providers/Microsoft.Authorization/roleDefinitions/{guid(group, role)}"
        local_azure.put(path, {"properties": definition}, api_version=ROLES)
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{empty_workspace.storage_account}"
    targets = {
        "workspace": empty_workspace.id,
        "storage": account,
        "identity/endpoint": identities["endpoint"]["id"],
    }
    granted = {
        "delivery": IDENTITY_ROLES["delivery"],
        "submitter": WORK["job submitter"].needs,
        "endpoint": IDENTITY_ROLES["endpoint"],
        "compute": IDENTITY_ROLES["compute"],
    }
    for purpose, roles in granted.items():
        for role, target in roles:
            if target not in targets:
                continue
            name = guid(group, role) if isinstance(role, CustomRole) else role.value
            definition = f"/subscriptions/{local_azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{name}"
            properties = {
                "principalId": identities[purpose]["principalId"],
                "principalType": "ServicePrincipal",
                "roleDefinitionId": definition,
            }
            path = f"{targets[target]}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
            local_azure.put(path, {"properties": properties}, api_version=ROLES)
    container = unique("c")
    path = f"{account}/blobServices/default/containers/{container}"
    local_azure.put(path, {"properties": {}}, api_version="2024-01-01")
    return Place(local_azure, empty_workspace, targets, identities, container)


@pytest.fixture(scope="module")
def delivery(place):
    return As(place, place.identities["delivery"])


@pytest.fixture(scope="module")
def endpoint(place, delivery):
    """An endpoint that the delivery identity makes, with the identity that serves."""
    path = f"{place.workspace.id}/onlineEndpoints/{unique('e')}"
    serving = {"type": "UserAssigned", "userAssignedIdentities": {place.identities["endpoint"]["id"]: {}}}
    body = {"location": LOCATION, "identity": serving, "properties": {"authMode": "AADToken"}}
    assert delivery("PUT", path, body) == (201, "")
    return path


def model(place):
    return f"{place.workspace.id}/models/{unique('m')}/versions/1"


def test_a_pipelines_token_signs_in_the_delivery_and_another_environments_does_not(place):
    assert "access_token" in As(place, place.identities["delivery"]).answer
    other = As(place, place.identities["delivery"], "repo:acme/models:environment:dev")
    assert "AADSTS70021" in other.answer["error_description"]


def test_the_delivery_registers_models_and_brings_them_to_endpoints(place, delivery, endpoint):
    uri = "azureml://datastores/workspaceblobstore/paths/m/"
    path = model(place)
    assert delivery("PUT", path, {"properties": {"modelUri": uri, "modelType": "custom_model"}})[0] in (
        200,
        201,
    )
    assert delivery("GET", path)[0] == 200
    environment = f"{place.workspace.id}/environments/{unique('env')}/versions/1"
    assert delivery("PUT", environment, {"properties": {"image": "mcr.microsoft.com/x:1"}})[0] in (200, 201)
    batch = {"location": LOCATION, "properties": {"authMode": "AADToken"}}
    assert delivery("PUT", f"{place.workspace.id}/batchEndpoints/{unique('b')}", batch)[0] in (201, 202)
    # Past its rights: what is wrong is the deployment itself.
    status, refused = delivery(
        "PUT", f"{endpoint}/deployments/blue", {"location": LOCATION, "properties": {}}
    )
    assert (status, refused) == (400, "")
    assert delivery("DELETE", f"{endpoint}/deployments/blue") in ((204, ""), (404, ""))


_COMPUTE = {"location": LOCATION, "properties": {"computeType": "AmlCompute", "properties": {}}}
_REFUSED = [
    (("PUT", "/computes/more", _COMPUTE), "workspaces/computes/write"),
    (("POST", "/computes/cpu-cluster/listKeys", None), "workspaces/computes/listKeys/action"),
    (("PATCH", "", {"tags": {"a": "b"}}), "workspaces/write"),
    (("DELETE", "", None), "workspaces/delete"),
    (("POST", "/listKeys", None), "workspaces/listKeys/action"),
    (("PUT", "/jobs/one", {"properties": {}}), "workspaces/jobs/write"),
    (("PUT", "/datastores/mine", {"properties": {}}), "workspaces/datastores/write"),
    (("PUT", "/connections/mine", {"properties": {}}), "workspaces/connections/write"),
    (("PUT", "/schedules/mine", {"properties": {}}), "workspaces/schedules/write"),
    (("DELETE", "/models/m/versions/1", None), "workspaces/models/versions/delete"),
]


@pytest.mark.parametrize(("request_", "action"), _REFUSED)
def test_the_delivery_is_refused_everything_else_by_name(place, delivery, request_, action):
    method, path, body = request_
    status, refused = delivery(method, f"{place.workspace.id}{path}", body)
    assert (status, refused) == (403, f"Microsoft.MachineLearningServices/{action}")


def test_the_delivery_deletes_no_endpoint_and_gives_nobody_a_role(place, delivery, endpoint):
    assert delivery("DELETE", endpoint) == (
        403,
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/delete",
    )
    own = place.identities["delivery"]["principalId"]
    definition = f"/subscriptions/{place.azure.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{Role.CONTRIBUTOR.value}"
    body = {"properties": {"principalId": own, "roleDefinitionId": definition}}
    path = f"{place.workspace.id}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    assert delivery("PUT", path, body, version=ROLES) == (
        403,
        "Microsoft.Authorization/roleAssignments/write",
    )
    role = guid(place.workspace.group_id, CustomRole.DEPLOY_ONLY)
    path = f"{place.workspace.group_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    assert delivery("PUT", path, {}, version=ROLES) == (403, "Microsoft.Authorization/roleDefinitions/write")


def test_the_delivery_may_serve_as_no_other_identity(place, delivery):
    path = f"{place.workspace.id}/onlineEndpoints/{unique('e')}"
    other = {"type": "UserAssigned", "userAssignedIdentities": {place.identities["compute"]["id"]: {}}}
    body = {"location": LOCATION, "identity": other, "properties": {"authMode": "AADToken"}}
    assert delivery("PUT", path, body)[0] == 403


def test_a_job_submitter_submits_and_deploys_nothing(place, endpoint):
    submitter = As(place, place.identities["submitter"])
    prefix = "Microsoft.MachineLearningServices/workspaces"
    data = {
        "properties": {
            "dataUri": "azureml://datastores/workspaceblobstore/paths/d/",
            "dataType": "uri_folder",
        }
    }
    assert submitter("PUT", f"{place.workspace.id}/data/{unique('d')}/versions/1", data)[0] in (200, 201)
    # Past its rights: what is wrong is the job itself.
    job = {"properties": {"jobType": "Command"}}
    assert submitter("PUT", f"{place.workspace.id}/jobs/{unique('j')}", job) == (400, "")
    assert submitter("POST", f"{place.workspace.id}/schedules/retraining/trigger") == (404, "")
    assert submitter("PUT", endpoint, {"location": LOCATION, "properties": {}}) == (
        403,
        f"{prefix}/onlineEndpoints/write",
    )
    assert submitter("PUT", f"{endpoint}/deployments/b", {}) == (
        403,
        f"{prefix}/onlineEndpoints/deployments/write",
    )
    assert submitter("PUT", f"{place.workspace.id}/computes/c", _COMPUTE) == (403, f"{prefix}/computes/write")


@pytest.mark.parametrize("purpose", ["delivery", "submitter", "endpoint", "compute"])
def test_each_identity_writes_to_the_workspaces_account_and_sees_no_secret(place, purpose):
    caller = As(place, place.identities[purpose])
    blob = f"https://{place.workspace.storage_account}.blob.core.windows.net/{place.container}/{purpose}"
    assert caller.data("PUT", blob, "https://storage.azure.com") == 201
    secrets = f"https://{place.workspace.vault}.vault.azure.net/secrets?api-version=7.4"
    assert caller.data("GET", secrets, "https://vault.azure.net") == 403


@pytest.mark.parametrize("purpose", ["compute", "endpoint"])
def test_what_trains_and_what_serves_changes_nothing_in_the_workspace(place, purpose):
    caller = As(place, place.identities[purpose])
    for path in ("/onlineEndpoints/mine", "/jobs/mine", "/computes/mine", "/models/m/versions/1"):
        assert caller("PUT", f"{place.workspace.id}{path}", {"properties": {}})[0] == 403
    assert (
        caller("PUT", f"{place.targets['storage']}", {"location": LOCATION}, version="2024-01-01")[0] == 403
    )
