"""Built-in roles, by the id that is the same in every tenant. Pure.

Source: Microsoft Learn, "Azure built-in roles"; a test holds each id against the list that local Azure has from there.
"""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """A built-in role; the value is its GUID."""

    CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_ACCOUNT_CONTRIBUTOR = "17d1049b-9a84-46fb-8f53-869881c3d3ab"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR = "69566ab7-960f-475b-8e7c-b3118f30c6bd"
    STORAGE_QUEUE_DATA_READER = "19e7f393-937e-4f77-808e-94535e297925"
    STORAGE_QUEUE_DATA_MESSAGE_PROCESSOR = "8a0f0c08-91a1-4084-bc3d-661d67233fed"
    STORAGE_QUEUE_DATA_MESSAGE_SENDER = "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a"
    SERVICE_BUS_DATA_SENDER = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
    KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
    KEY_VAULT_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
    KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
    KEY_VAULT_READER = "21090545-7ca7-4776-b22c-e363652d74d2"
    KEY_VAULT_SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
    KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    ACR_PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"
    AZUREML_DATA_SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"
    AZUREML_COMPUTE_OPERATOR = "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815"
    AZUREML_REGISTRY_USER = "1823dd4f-9b8c-4ab6-ab4e-7397a3684615"
    AZUREML_METRICS_WRITER = "635dd51f-9968-44d3-b7fb-6d9a6bd613ae"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    LOG_ANALYTICS_READER = "73c42c96-874c-492b-b04d-ab87d138a893"
    MONITORING_READER = "43d0d8ad-25c7-4714-9337-8ba259a9fe05"

    @property
    def label(self) -> str:
        """The role's name in resource names."""
        return self.name.lower().replace("_", "-")

    @property
    def title(self) -> str:
        """The role's name as Azure has it, in lower case."""
        return _TITLES.get(self, self.name.lower().replace("_", " "))

    def fits(self, target: str) -> bool:
        """Whether it permits anything on a target; what is only known by its id always fits."""
        if target.startswith("/") or target == "resource group":
            return True
        wanted = next((targets for start, targets in _TARGETS.items() if self.name.startswith(start)), None)
        return wanted is None or target.split("/", maxsplit=1)[0] in wanted


_TITLES = {
    Role.SERVICE_BUS_DATA_SENDER: "azure service bus data sender",
    Role.ACR_PULL: "acrpull",
    Role.ACR_PUSH: "acrpush",
    Role.AZUREML_METRICS_WRITER: "azureml metrics writer (preview)",
}
#: What roles of one service are about, by the beginning of their names.
_TARGETS = {
    "STORAGE_": ("storage", "lake"),
    "KEY_VAULT_": ("vault",),
    "ACR_": ("registry",),
    "AZUREML_COMPUTE_": ("workspace", "compute"),
    "AZUREML_REGISTRY_": ("shared registry",),
    "AZUREML_": ("workspace",),
    "LOG_ANALYTICS_": ("logs",),
    "MANAGED_IDENTITY_": ("identity",),
}
