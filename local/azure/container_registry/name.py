"""What a container registry is called."""

from __future__ import annotations

import re

REGISTRY = "Microsoft.ContainerRegistry/registries"
PATTERN = re.compile(r"[A-Za-z0-9]{5,50}")
