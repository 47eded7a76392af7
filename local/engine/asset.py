"""Assets and archives: what identifies their contents, as Pulumi's state has it.

An asset is known by the SHA-256 of its bytes; an archive file by that of the file; any other archive by that of the tar
it would become, with headers as Go's archive/tar writes them. As in sdk/go/common/resource/{asset,archive} of the official
engine. Relative paths start at the program's folder.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.parse
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any, Final

from local.engine.error import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_EXTENSIONS = {".tar": "tar", ".tgz": "tar", ".tar.gz": "tar", ".zip": "zip", ".jar": "zip"}
_BOOKKEEPING = ".pulumi"
_BLOCK = 512
_NAME, _PREFIX = 100, 155  # characters a tar header has for them
_TIMEOUT_SECONDS = 60


class Unhashed(dict[str, Any]):
    """An asset or archive as the program gave it, whose contents have not been looked at."""


def hashed(fields: Mapping[str, Any], folder: Path, name: str = "") -> dict[str, Any]:
    """The asset or archive with its hash; raises EngineError, naming the property, if its contents can't be read."""
    kind = "archive" if fields.get(SIGNATURE) == ARCHIVE else "asset"
    try:
        digest = archive_hash(fields, folder) if kind == "archive" else asset_hash(fields, folder)
    except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise EngineError(f'failed to compute {kind} hash for "{name}": {error}') from error
    return {**_plain(fields), "hash": digest}


def asset_hash(fields: Mapping[str, Any], folder: Path) -> str:
    """The hash of an asset's bytes."""
    return hashlib.sha256(_asset_bytes(fields, folder)).hexdigest()


def archive_hash(fields: Mapping[str, Any], folder: Path) -> str:
    """The hash of an archive file, or of the tar that the archive would become."""
    if "assets" not in fields:
        source = fields.get("path") or urllib.parse.urlparse(str(fields.get("uri", ""))).path
        if _format_of(source):
            return hashlib.sha256(_archive_bytes(fields, folder)).hexdigest()
    return hashlib.sha256(tar(members(fields, folder))).hexdigest()


def members(fields: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files in an archive, in the order the official engine reads them."""
    if "assets" in fields:
        for name, item in sorted(fields["assets"].items(), key=lambda pair: pair[0].encode()):
            if item.get(SIGNATURE) == ARCHIVE:
                for inner, data in members(item, folder):
                    yield _clean(f"{name}/{inner}"), data
            else:
                yield name, _asset_bytes(item, folder)
        return
    if path := fields.get("path"):
        place = folder / path
        if not _format_of(path):
            if not place.exists():
                raise ValueError(
                    f"couldn't read archive path '{place}': stat {place}: no such file or directory"
                )
            if not place.is_dir():
                raise ValueError(f"'{place}' is neither a recognized archive type nor a directory")
            for file in _walk(place):
                yield file.relative_to(place).as_posix(), file.read_bytes()
            return
    yield from _unpacked(fields, _archive_bytes(fields, folder))


def tar(files: Iterator[tuple[str, bytes]]) -> bytes:
    """A tar of the files, as Go's archive/tar writes it: no times, no owners, mode 0600; the first of a name wins."""
    seen: set[str] = set()
    blocks: list[bytes] = []
    for name, data in files:
        if name not in seen:
            seen.add(name)
            blocks += [_member_header(name, len(data)), _padded(data)]
    return b"".join(blocks) + bytes(2 * _BLOCK)


def _member_header(name: str, size: int) -> bytes:
    if not name.isascii():
        return _pax_record(name) + _header(_ascii(name)[:_NAME], size=size)
    if len(name) <= _NAME:
        return _header(name, size=size)
    length = min(len(name), _PREFIX + 1)
    cut = name.rfind("/", 0, length)
    if cut > 0 and 0 < len(name) - cut - 1 <= _NAME and cut <= _PREFIX:
        return _header(name[cut + 1 :], prefix=name[:cut], size=size)
    return _pax_record(name) + _header(name[:_NAME], size=size)


def _pax_record(name: str) -> bytes:
    body = f" path={name}\n".encode()
    length = len(body) + len(str(len(body)))
    if len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    data = f"{length}".encode() + body
    parent, _, file = name.rpartition("/")
    header = _ascii(_clean(f"{parent}/PaxHeaders.0/{file}" if parent else f"PaxHeaders.0/{file}"))[:_NAME]
    return _header(header, size=len(data), flag=b"x", mode=0, devices=False) + _padded(data)


def _header(
    name: str, *, size: int, prefix: str = "", flag: bytes = b"0", mode: int = 0o600, devices: bool = True
) -> bytes:
    def octal(value: int, width: int) -> bytes:
        return f"{value:0{width - 1}o}".encode() + b"\0"

    device = octal(0, 8) if devices else bytes(8)
    head = name.encode().ljust(_NAME, b"\0") + octal(mode, 8) + octal(0, 8) + octal(0, 8)
    head += octal(size, 12) + octal(0, 12)
    tail = flag + bytes(100) + b"ustar\x0000" + bytes(64) + device * 2
    tail = (tail + prefix.encode().ljust(_PREFIX, b"\0")).ljust(_BLOCK - len(head) - 8, b"\0")
    checksum = sum(head) + sum(tail) + 8 * ord(" ")
    return head + f"{checksum:06o}".encode() + b"\0 " + tail


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _walk(folder: Path) -> Iterator[Path]:
    """The files under a folder, each level by name; bookkeeping and links to folders are left out."""
    for entry in sorted(folder.iterdir(), key=lambda path: path.name.encode()):
        if entry.name == _BOOKKEEPING:
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _walk(entry)
        else:
            yield entry


def _format_of(path: str) -> str:
    return next((kind for extension, kind in _EXTENSIONS.items() if path.endswith(extension)), "")


def _unpacked(fields: Mapping[str, Any], data: bytes) -> Iterator[tuple[str, bytes]]:
    source = fields.get("path") or urllib.parse.urlparse(str(fields.get("uri", ""))).path
    if _format_of(source) == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield _clean(info.filename), packed.read(info)
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as packed:
        for entry in packed:
            if entry.isfile():
                content = packed.extractfile(entry)
                yield _clean(entry.name), content.read() if content else b""


def _archive_bytes(fields: Mapping[str, Any], folder: Path) -> bytes:
    if path := fields.get("path"):
        return (folder / path).read_bytes()
    return _fetched(str(fields.get("uri", "")))


def _asset_bytes(fields: Mapping[str, Any], folder: Path) -> bytes:
    if path := fields.get("path"):
        place = folder / path
        try:
            return place.read_bytes()
        except FileNotFoundError as error:
            raise ValueError(
                f"failed to open asset file '{place}': open {place}: no such file or directory"
            ) from error
    if uri := fields.get("uri"):
        return _fetched(str(uri))
    return str(fields.get("text", "")).encode()


def _fetched(uri: str) -> bytes:
    """What a remote asset holds; http, https and file are what the official engine takes."""
    scheme = urllib.parse.urlparse(uri).scheme
    if scheme not in {"http", "https", "file"}:
        raise ValueError(f"unrecognized URI scheme: {scheme}")
    with urllib.request.urlopen(uri, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - the scheme was looked at
        return response.read()


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as state has them: no empty text, and nothing of this module's types."""
    plain = {key: value for key, value in fields.items() if value}
    if "assets" in fields:
        plain["assets"] = {name: _plain(item) for name, item in fields["assets"].items()}
    return plain
