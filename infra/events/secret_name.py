"""Names of secrets in the platform's vault, as the configuration has them: never the secret itself."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator


def _secret_name(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z-]{1,127}", text):
        # Not shown: it may be the secret itself, which has other characters.
        raise ValueError(
            "no secret of a key vault can have this name, so nothing could be read; write the secret's name, 1 to 127 "
            "letters, digits and hyphens, and put the token or URL itself into the vault"
        )
    return text


SecretName = Annotated[str, AfterValidator(_secret_name)]
