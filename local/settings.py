"""Where local mode keeps its things, and the identities everything in it agrees on.

All of it lives in one folder, readable by its owner only: ``.local/`` beside the program, or what
``MLOPS_LOCAL_DIR`` names (tests start a local Azure of their own that way). Deleting the folder
forgets everything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

#: The one subscription and the one tenant of local Azure. Constants, so that ids in previews and tests are stable.
SUBSCRIPTION_ID = "10ca1000-0000-4000-8000-000000000001"
TENANT_ID = "10ca1000-0000-4000-8000-000000000002"
#: The service principal that ``local env`` signs in with: client id (application) and object id (principal).
CLIENT_ID = "10ca1000-0000-4000-8000-000000000003"
PRINCIPAL_ID = "10ca1000-0000-4000-8000-000000000004"
#: Where the proxy listens unless ``MLOPS_LOCAL_PORT`` says otherwise (0: any free port).
DEFAULT_PORT = 8343
LOCATION = "westeurope"


@dataclass(frozen=True)
class LocalDir:
    """The paths of one local Azure and of the stack deployed to it."""

    root: Path

    @classmethod
    def find(cls) -> LocalDir:
        """The folder that ``MLOPS_LOCAL_DIR`` names, else ``.local`` in the repository."""
        named = os.environ.get("MLOPS_LOCAL_DIR")
        return cls(Path(named).resolve() if named else REPOSITORY / ".local")

    @property
    def database(self) -> Path:
        """Every resource of local Azure, in SQLite."""
        return self.root / "azure.db"

    @property
    def activity(self) -> Path:
        """The activity log, in SQLite."""
        return self.root / "activity.db"

    @property
    def tracking(self) -> Path:
        """What runs logged with MLflow, in SQLite."""
        return self.root / "tracking.db"

    @property
    def server(self) -> Path:
        """JSON of the running server: ``pid``, ``port``, ``started``, ``version``."""
        return self.root / "server.json"

    @property
    def faults(self) -> Path:
        """JSON of the faults that ``python -m local faults`` asked for."""
        return self.root / "faults.json"

    @property
    def identity(self) -> Path:
        """JSON with the service principal's secret and the token signing key; owner only."""
        return self.root / "identity.json"

    @property
    def authority(self) -> Path:
        """The local CA: ``ca.pem``, ``ca-key.pem`` (owner only), ``bundle.pem`` (what clients trust)."""
        return self.root / "ca"

    @property
    def logs(self) -> Path:
        """One log file per process: ``azure.log``, ``azurite.log``, ``deployment-….log``, ``job-….log``."""
        return self.root / "logs"

    @property
    def blobs(self) -> Path:
        """Azurite's folder."""
        return self.root / "azurite"

    @property
    def environments(self) -> Path:
        """Python environments built for jobs and deployments, one folder per content hash."""
        return self.root / "environments"

    @property
    def jobs(self) -> Path:
        """Working folders of jobs, one per job name."""
        return self.root / "jobs"

    @property
    def deployments(self) -> Path:
        """Working folders of online deployments: ``ENDPOINT/DEPLOYMENT``."""
        return self.root / "deployments"

    @property
    def state(self) -> Path:
        """The Pulumi file backend of the local stack."""
        return self.root / "state"

    @property
    def stack(self) -> Path:
        """JSON of what ``up`` deployed: ``resourceGroup``, ``workspace`` and the monitor's ``finding``."""
        return self.root / "stack.json"

    @property
    def tools(self) -> Path:
        """What is installed once and survives ``make clean``: Azurite (``MLOPS_TOOLS_DIR``, else ``.tools``)."""
        named = os.environ.get("MLOPS_TOOLS_DIR")
        return Path(named).resolve() if named else REPOSITORY / ".tools"
