"""The local CA, the bundle that clients trust, and a TLS context per host name.

The CA's key is made once and never leaves its folder (0600). The bundle is what the machine trusted before (a company's
own CA is often among it), plus the local CA.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import trustme

from local.azure.identity import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.settings import LocalDir

_ORGANIZATION = "Local Azure"


class CertificateError(Exception):
    """The CA's files can't be used; the message says what to do."""


class Authority:
    """Issues certificates for Azure's host names."""

    def __init__(self, ca: trustme.CA) -> None:
        self._ca = ca
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, host: str) -> ssl.SSLContext:
        """The server side of TLS for ``host``."""
        context = self._contexts.get(host)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            self._ca.issue_cert(host, organization_name=_ORGANIZATION).configure_cert(context)
            self._contexts[host] = context
        return context


def load(directory: LocalDir, environ: Mapping[str, str]) -> Authority:
    """The CA, made if missing; writes the bundle.

    Raises:
        CertificateError: the CA's files are damaged.
    """
    folder = directory.authority
    folder.mkdir(mode=0o700, exist_ok=True)
    certificate, key = folder / "ca.pem", folder / "ca-key.pem"
    if not (certificate.exists() and key.exists()):
        ca = trustme.CA(
            organization_name=_ORGANIZATION, organization_unit_name="Certificates of this machine only"
        )
        # Never an old certificate beside a new key, whenever this is interrupted.
        certificate.unlink(missing_ok=True)
        write_private(key, ca.private_key_pem.bytes().decode())
        write_private(certificate, ca.cert_pem.bytes().decode())
    try:
        ca = trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    except ValueError as error:
        raise CertificateError(
            f"The local CA in {folder} is damaged ({error}). Delete that folder: the next start makes a new one, and "
            "shells need `python -m local env` again."
        ) from None
    before = trusted_before(environ)
    write_private(folder / "previous", str(before))
    roots = before.read_text(errors="replace").rstrip()
    write_private(folder / "bundle.pem", f"{roots}\n{certificate.read_text()}")
    return Authority(ca)


def trusted_before(environ: Mapping[str, str]) -> Path:
    """The bundle that was trusted before local Azure's, also in a shell that uses local Azure's already."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        named = environ.get(name)
        if not named or not os.path.isfile(named):  # noqa: PTH113 (a folder is no bundle)
            continue
        path = Path(named).resolve()
        if path.name != "bundle.pem" or path.parent.name != "ca":
            return path
        recorded = path.with_name("previous")
        if recorded.exists() and (previous := Path(recorded.read_text().strip())).is_file():
            return previous
    return Path(certifi.where())
