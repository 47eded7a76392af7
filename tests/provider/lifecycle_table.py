"""One resource of each type that azure-native and local Azure both have, and where the others are tested."""

from __future__ import annotations

from lifecycle_learning import CLUSTERS, EVENTS, LEARNING
from lifecycle_part import RULES, STORED, WATCHED
from lifecycle_platform import GROUND, NETWORK, OBSERVING, STORAGE
from lifecycle_row import IN_GROUP, Row

LOCKS = [
    Row(
        "authorization:ManagementLockByScope",
        {"scope": "$routetable.id", "level": "CanNotDelete"},
        {"notes": "kept"},
    ),
    Row(
        "authorization:ManagementLockAtResourceGroupLevel",
        {**IN_GROUP, "level": "CanNotDelete"},
        {"notes": "kept"},
    ),
]
ROWS = [
    *GROUND,
    *STORAGE,
    *OBSERVING,
    *NETWORK,
    *LEARNING,
    *EVENTS,
    *CLUSTERS,
    *RULES,
    *STORED,
    *WATCHED,
    *LOCKS,
]

#: Types of the mapping that aren't made here, and why.
ELSEWHERE = {
    "machinelearningservices:OnlineDeployment": "a process that serves: tests/e2e and tests/azure deploy them",
    "machinelearningservices:Job": "runs when it is made: tests/azure",
    "machinelearningservices:PrivateEndpointConnection": "made by a private endpoint; azure-native only approves one",
}
