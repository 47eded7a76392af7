"""Keys of a vault and what they do: real RSA and elliptic-curve cryptography. Pure.

Scope: RSA of 2048, 3072 and 4096 bits, P-256, P-384, P-521 and P-256K; encrypting, wrapping and signing with the algorithms
that Key Vault has for them. Omitted: symmetric keys and keys in an HSM (``oct``, ``…-HSM``).
Source: Microsoft Learn, "Key types, algorithms, and operations" of Key Vault; RFC 7518.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from local.azure.errors import bad_request, unsupported

if TYPE_CHECKING:
    from local.azure.resource_type import Json

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_SIZES = (2048, 3072, 4096)
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
_NAMES = {curve.name: name for name, curve in _CURVES.items()}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "P-256K": "ES256K"}
_OPERATIONS = {
    "RSA": ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"),
    "EC": ("sign", "verify"),
}


def encoded(content: bytes) -> str:
    """Bytes as base64url without padding, as Key Vault writes them."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: object) -> bytes:
    """What ``encoded`` wrote.

    Raises:
        ArmError: 400, it is no base64url.
    """
    try:
        return base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
    except ValueError:
        raise bad_request("A value is not base64url.", code="BadParameter") from None


def generate(kty: str, size: int | None, curve: str | None) -> PrivateKey:
    """A new key.

    Raises:
        ArmError: 400 the size or curve isn't Key Vault's, 501 the type isn't supported.
    """
    if kty == "RSA":
        if size not in (None, *_SIZES):
            raise bad_request(f"The key size {size} is none of 2048, 3072, 4096.", code="BadParameter")
        return rsa.generate_private_key(65537, size or 2048)
    if kty == "EC":
        if (curve or "P-256") not in _CURVES:
            raise bad_request(f"The curve '{curve}' is none of {', '.join(_CURVES)}.", code="BadParameter")
        return ec.generate_private_key(_CURVES[curve or "P-256"])
    if kty in ("RSA-HSM", "EC-HSM", "oct", "oct-HSM"):
        raise unsupported(f"A key of the type '{kty}' (there is no HSM here)")
    raise bad_request(f"The key type '{kty}' is none of RSA, EC.", code="BadParameter")


def imported(jwk: Json) -> PrivateKey:
    """The key that a JSON web key holds.

    Raises:
        ArmError: 400 it is none, 501 its type isn't supported.
    """
    kty = jwk.get("kty")
    if kty not in ("RSA", "EC"):
        return generate(str(kty), None, None)

    def number(name: str) -> int:
        return int.from_bytes(decoded(jwk[name]))

    try:
        if kty == "RSA":
            public = rsa.RSAPublicNumbers(number("e"), number("n"))
            return rsa.RSAPrivateNumbers(
                number("p"),
                number("q"),
                number("d"),
                number("dp"),
                number("dq"),
                number("qi"),
                public,
            ).private_key()
        point = ec.EllipticCurvePublicNumbers(number("x"), number("y"), _CURVES[jwk["crv"]])
        return ec.EllipticCurvePrivateNumbers(number("d"), point).private_key()
    except (KeyError, ValueError) as error:
        raise bad_request(f"The key is no private key of its type ({error}).", code="BadParameter") from None


def to_text(key: PrivateKey) -> str:
    """A key as text, for the store."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def from_text(text: str) -> PrivateKey:
    """What ``to_text`` wrote."""
    key = serialization.load_pem_private_key(text.encode(), None)
    assert isinstance(key, PrivateKey)  # noqa: S101 (nothing else is written)
    return key


def operations(kty: str) -> list[str]:
    """What a key may do unless its maker says less."""
    return list(_OPERATIONS[kty])


def public_jwk(key: PrivateKey) -> Json:
    """The public half, as a JSON web key."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    point = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": _NAMES[key.curve.name],
        "x": encoded(point.x.to_bytes(size)),
        "y": encoded(point.y.to_bytes(size)),
    }


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


def _padding(algorithm: str) -> padding.AsymmetricPadding:
    match algorithm:
        case "RSA1_5":
            return padding.PKCS1v15()
        case "RSA-OAEP":
            return padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 (the algorithm's)
        case "RSA-OAEP-256":
            return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        case _:
            raise _no(algorithm)


def _no(algorithm: str) -> Exception:
    return bad_request(f"The algorithm '{algorithm}' does not go with this key.", code="BadParameter")


def encrypt(key: PrivateKey, algorithm: str, plain: bytes) -> bytes:
    """Encrypts, or wraps a key."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _no(algorithm)
    try:
        return key.public_key().encrypt(plain, _padding(algorithm))
    except ValueError as error:
        raise bad_request(f"The value can't be encrypted ({error}).", code="BadParameter") from None


def decrypt(key: PrivateKey, algorithm: str, secret: bytes) -> bytes:
    """Decrypts, or unwraps a key."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _no(algorithm)
    try:
        return key.decrypt(secret, _padding(algorithm))
    except ValueError:
        raise bad_request(
            "The value can't be decrypted with this key and algorithm.", code="BadParameter"
        ) from None


def _signature(algorithm: str) -> tuple[padding.AsymmetricPadding, Prehashed]:
    if algorithm[:2] not in ("RS", "PS") or algorithm[2:] not in _HASHES:
        raise _no(algorithm)
    digest = _HASHES[algorithm[2:]]
    if algorithm.startswith("RS"):
        return padding.PKCS1v15(), Prehashed(digest)
    return padding.PSS(padding.MGF1(digest), digest.digest_size), Prehashed(digest)


def _curve_hash(key: ec.EllipticCurvePrivateKey, algorithm: str) -> hashes.HashAlgorithm:
    if _EC_ALGORITHMS[_NAMES[key.curve.name]] != algorithm:
        raise _no(algorithm)
    return _HASHES[algorithm[2:5]]


def sign(key: PrivateKey, algorithm: str, digest: bytes) -> bytes:
    """Signs a digest; of a curve the two numbers one behind the other (RFC 7518, 3.4)."""
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(digest, *_signature(algorithm))
        size = (key.curve.key_size + 7) // 8
        numbers = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(_curve_hash(key, algorithm)))))
        return b"".join(number.to_bytes(size) for number in numbers)
    except ValueError as error:
        raise bad_request(f"The digest can't be signed ({error}).", code="BadParameter") from None


def verify(key: PrivateKey, algorithm: str, digest: bytes, signature: bytes) -> bool:
    """Whether a signature is this key's."""
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            key.public_key().verify(signature, digest, *_signature(algorithm))
        else:
            half = len(signature) // 2
            whole = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            chosen = ec.ECDSA(Prehashed(_curve_hash(key, algorithm)))
            key.public_key().verify(whole, digest, chosen)
    except (InvalidSignature, ValueError):
        return False
    return True
