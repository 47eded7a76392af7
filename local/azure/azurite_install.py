"""``python -m local.azure.azurite_install``: Azurite, as ``azurite/package-lock.json`` pins it, into ``.tools/azurite``."""

from __future__ import annotations

import sys
from pathlib import Path

from local.npm import NpmPackage, main

AZURITE = NpmPackage("azurite", Path(__file__).with_name("azurite"))

if __name__ == "__main__":
    sys.exit(main(AZURITE))
