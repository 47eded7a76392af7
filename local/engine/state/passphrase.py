"""Pulumi's passphrase secrets provider: AES-256-GCM under a key of PBKDF2-SHA256 with a million iterations."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
from pathlib import Path

from local.engine.error import EngineError

_ITERATIONS = 1_000_000
_KEY_BYTES = 32
_NONCE_BYTES = 12
_PROBE = "pulumi"


class PassphraseError(EngineError):
    """There is no passphrase, or not the right one; `of_state` is how that is said where a state is to be opened."""

    of_state = 'constructing secrets manager of type "passphrase": constructing secrets manager: {}'


class IncorrectPassphraseError(PassphraseError):
    """The passphrase is another one."""

    of_state = (
        "failed to decrypt: {}, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase or set "
        "PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the passphrase"
    )


def derive(passphrase: str, state: str) -> None:
    """Derive a key for `open_` to find."""
    _key(passphrase, base64.b64decode(state.split(":")[1]))


@functools.cache
def _key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ITERATIONS, _KEY_BYTES)


class Crypter:
    """Encrypts and decrypts the secrets of one stack; `state` is its `encryptionsalt`."""

    def __init__(self, key: bytes, state: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 30 ms most commands don't need

        self._cipher = AESGCM(key)
        self.state = state

    def encrypt(self, plaintext: str) -> str:
        """`v1:nonce:ciphertext` of a text."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plaintext.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, value: str) -> str:
        """The text of a `v1:nonce:ciphertext`; raises EngineError if it wasn't made with this key."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        parts = value.split(":")
        if len(parts) != 3 or parts[0] != "v1":
            raise EngineError(
                "a secret in the stack is not in the passphrase provider's format v1:NONCE:CIPHERTEXT"
            )
        try:
            return self._cipher.decrypt(base64.b64decode(parts[1]), base64.b64decode(parts[2]), None).decode()
        except (InvalidTag, ValueError) as error:
            raise EngineError(
                "a secret in the stack can't be decrypted: it was made with another passphrase"
            ) from error


def from_environment() -> str:
    """The passphrase of PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE."""
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return os.environ["PULUMI_CONFIG_PASSPHRASE"]
    if file := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise PassphraseError(
                f"unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open {Path(file).resolve()}: {reason}"
            ) from error
    raise PassphraseError(
        "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
    )


def new(passphrase: str) -> Crypter:
    """A crypter with a salt of its own."""
    salt = os.urandom(8)
    key = _key(passphrase, salt)
    probe = Crypter(key, "").encrypt(_PROBE)
    return Crypter(key, f"v1:{base64.b64encode(salt).decode()}:{probe}")


def open_(passphrase: str, state: str) -> Crypter:
    """The crypter of a stack's `encryptionsalt`; raises EngineError if the passphrase isn't the one it was made with."""
    version, salt, probe = [*state.split(":", 2), "", ""][:3]
    if version != "v1" or not probe:
        raise EngineError("malformed state value")
    crypter = Crypter(_key(passphrase, base64.b64decode(salt)), state)
    try:
        correct = crypter.decrypt(probe) == _PROBE
    except EngineError:
        correct = False
    if not correct:
        raise IncorrectPassphraseError("incorrect passphrase")
    return crypter
