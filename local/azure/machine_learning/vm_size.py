"""Sizes of virtual machines: the common ones with what Azure's documentation says of them, and how they are named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json


@dataclass(frozen=True)
class VmSize:
    """One size: cores, memory in GiB, GPUs, temporary disk in GiB."""

    name: str
    family: str
    cores: int
    memory: float
    disk: int
    gpus: int = 0


#: Azure docs, "Sizes for virtual machines": series Dv2, DSv2, Dv3, Dsv3, Ev3, Esv3, E4s_v3 for Spark, Fsv2, NCv3, NCasT4_v3.
SIZES = (
    VmSize("Standard_DS1_v2", "standardDSv2Family", 1, 3.5, 7),
    VmSize("Standard_DS2_v2", "standardDSv2Family", 2, 7, 14),
    VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 14, 28),
    VmSize("Standard_DS4_v2", "standardDSv2Family", 8, 28, 56),
    VmSize("Standard_DS5_v2", "standardDSv2Family", 16, 56, 112),
    VmSize("Standard_DS11_v2", "standardDSv2Family", 2, 14, 28),
    VmSize("Standard_DS12_v2", "standardDSv2Family", 4, 28, 56),
    VmSize("Standard_DS13_v2", "standardDSv2Family", 8, 56, 112),
    VmSize("Standard_DS14_v2", "standardDSv2Family", 16, 112, 224),
    VmSize("Standard_D2_v2", "standardDv2Family", 2, 7, 100),
    VmSize("Standard_D3_v2", "standardDv2Family", 4, 14, 200),
    VmSize("Standard_D2_v3", "standardDv3Family", 2, 8, 50),
    VmSize("Standard_D4_v3", "standardDv3Family", 4, 16, 100),
    VmSize("Standard_D2s_v3", "standardDSv3Family", 2, 8, 16),
    VmSize("Standard_D4s_v3", "standardDSv3Family", 4, 16, 32),
    VmSize("Standard_D8s_v3", "standardDSv3Family", 8, 32, 64),
    VmSize("Standard_D16s_v3", "standardDSv3Family", 16, 64, 128),
    VmSize("Standard_D32s_v3", "standardDSv3Family", 32, 128, 256),
    VmSize("Standard_E2s_v3", "standardESv3Family", 2, 16, 32),
    VmSize("Standard_E4s_v3", "standardESv3Family", 4, 32, 64),
    VmSize("Standard_E8s_v3", "standardESv3Family", 8, 64, 128),
    VmSize("Standard_E16s_v3", "standardESv3Family", 16, 128, 256),
    VmSize("Standard_F2s_v2", "standardFSv2Family", 2, 4, 16),
    VmSize("Standard_F4s_v2", "standardFSv2Family", 4, 8, 32),
    VmSize("Standard_F8s_v2", "standardFSv2Family", 8, 16, 64),
    VmSize("Standard_F16s_v2", "standardFSv2Family", 16, 32, 128),
    VmSize("Standard_F32s_v2", "standardFSv2Family", 32, 64, 256),
    VmSize("Standard_NC6s_v3", "standardNCSv3Family", 6, 112, 736, 1),
    VmSize("Standard_NC12s_v3", "standardNCSv3Family", 12, 224, 1474, 2),
    VmSize("Standard_NC24s_v3", "standardNCSv3Family", 24, 448, 2948, 4),
    VmSize("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family", 4, 28, 180, 1),
    VmSize("Standard_NC8as_T4_v3", "Standard NCASv3_T4 Family", 8, 56, 360, 1),
    VmSize("Standard_NC16as_T4_v3", "Standard NCASv3_T4 Family", 16, 110, 360, 1),
    VmSize("Standard_NC64as_T4_v3", "Standard NCASv3_T4 Family", 64, 440, 2880, 4),
)
_BY_NAME = {size.name.lower(): size for size in SIZES}
_NAME = re.compile(r"(?:Standard|Basic)_[A-Z]{1,3}\d+(?:-\d+)?[a-z]*(?:_[A-Za-z0-9]+)*", re.IGNORECASE)


def check(name: str, target: str) -> None:
    """400 for what is no name of a size. Sizes that aren't in ``SIZES`` pass: Azure has hundreds."""
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"'{name}' is no size of a virtual machine; one is Standard_DS3_v2.",
            code="InvalidVmSize",
            target=target,
        )


def find(name: str) -> VmSize | None:
    """The size of a name, in any case; None if it isn't in ``SIZES``."""
    return _BY_NAME.get(name.lower())


def _shown(size: VmSize) -> Json:
    return {
        "name": size.name,
        "family": size.family,
        "vCPUs": size.cores,
        "gpus": size.gpus,
        "osVhdSizeMB": 1_047_552,
        "maxResourceVolumeMB": size.disk * 1024,
        "memoryGB": size.memory,
        "lowPriorityCapable": True,
        "premiumIO": "s_" in size.name or "DS" in size.name,
        "estimatedVMPrices": None,
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }


async def _list(_azure: Azure, _call: Call) -> Answer:
    return Answer(200, {"value": [_shown(size) for size in SIZES]})


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(
            r"/subscriptions/[^/]+/providers/Microsoft\.MachineLearningServices/locations/[^/]+/vmSizes",
            re.IGNORECASE,
        ),
        _list,
        methods=("GET",),
    ),
)
