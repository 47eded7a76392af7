"""What is known of Azure's regions. Pure.

Azure adds sizes to regions without notice, so only what a source lists as missing is refused; of other regions nothing is
said. Source: Azure's retail prices of virtual machines in US regions in SkyPilot's catalogue
(https://github.com/skypilot-org/skypilot-catalog, catalogs/v6/azure/vms.csv at 098741e7): West Central US has sizes of
many families, and none of the NC, ND and NV families.
"""

from __future__ import annotations

#: Regions without virtual machines that have GPUs.
WITHOUT_GPUS = frozenset({"westcentralus"})
