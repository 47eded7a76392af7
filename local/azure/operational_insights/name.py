"""What a Log Analytics workspace is called."""

from __future__ import annotations

WORKSPACE = "Microsoft.OperationalInsights/workspaces"
DELETED = "Microsoft.OperationalInsights/deletedWorkspaces"
