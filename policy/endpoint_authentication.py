"""Whoever calls an endpoint says who they are."""

from __future__ import annotations

from policy import resource_type as azure
from policy.rule import Demand, ResourceRule, demanding

RULE = ResourceRule(
    name="endpoint-authentication",
    title="Endpoint authentication",
    reason="An endpoint's key is the same for all callers and never expires: whoever has it scores for ever, as nobody.",
    fix="Write `mlops:endpointAuth: aad_token`, or `endpoint: {auth: aad_token}` in model.yaml.",
    link="https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint",
    check=demanding(
        Demand(azure.ONLINE_ENDPOINT, "auth", ("aad_token", "aml_token")),
        Demand(azure.NATIVE_ONLINE_ENDPOINT, "properties.authMode", ("AADToken", "AMLToken")),
    ),
)
