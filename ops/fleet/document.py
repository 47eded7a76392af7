"""YAML files as people write them: mappings without a key twice, and one line for what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path


class DocumentError(Exception):
    """A file can't be used; the message is one line."""


class _Loader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word; this one refuses the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key: Any = self.construct_object(key_node, deep=deep)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise DocumentError(
                    f"{key} is there twice, in line {seen[key]} and in line {line}, and only one can hold; rename or remove one"
                )
            seen[key] = line
        return super().construct_mapping(node, deep)


def read(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        DocumentError: it can't be read, isn't YAML or isn't a mapping, or a key is in it twice.
    """
    try:
        found: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe loader)
    except OSError as error:
        raise DocumentError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DocumentError(f"{path} is no text in UTF-8") from None
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise DocumentError(f"{path} is not YAML: {said}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in cast("dict[Any, Any]", found)):
        raise DocumentError(f"{path} is no mapping of keys to values; see ops/fleet/fleet.example.yaml")
    return cast("dict[str, Any]", found)
