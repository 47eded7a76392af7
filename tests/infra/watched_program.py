"""The program with every kind of target and alert, and with none, each run once however many modules ask."""

from functools import cache

from recorded_program import run

FUNCTION = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/app/functions/f"
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/n/topics/t"
HOOK = "https://pager.example.com/hook?key=h00k"
EVENTS = {
    "modelRegistered": [
        {"name": "delivery", "github": {"repository": "octo/models"}},
        {"name": "pipeline", "azureDevOps": {"organization": "contoso", "project": "ml", "pipeline": 3}},
    ],
    "monitorBreached": [{"name": "fun", "function": FUNCTION}],
    "runFailed": [
        {"name": "failures", "queue": "failures"},
        {"name": "bus", "serviceBus": "failed-runs"},
        {"name": "other-bus", "serviceBus": TOPIC},
        {"name": "pager", "webhook": HOOK},
        {"name": "triage", "job": {"schedule": "triage"}},
    ],
}
ALERTS = {
    "emails": ["ml@example.com"],
    "webhooks": ["https://pager.example.com/s3cret"],
    "teams": {},
    "deniedAccess": True,
    "endpoint": {
        "p50Ms": 100, "p95Ms": 500, "p99Ms": 900, "errorPercent": 5, "availabilityPercent": 99.5, "gpuPercent": 95,
    },
}  # fmt: skip


@cache
def watched():
    """Everything there is to watch with."""
    budget = {"amount": 500, "tag": "cost-center"}
    return run("dev", events=EVENTS, alerts=ALERTS, budget=budget, observability={"diagnostics": True})


@cache
def unwatched():
    """Nobody to tell, and nothing kept of what can't be delivered."""
    return run("dev", events={"deadLetters": False}, models=[], observability={"workbook": False})
