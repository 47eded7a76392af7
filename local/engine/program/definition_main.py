"""Write the code of resources in the interpreter of the program, which has the SDKs that spell them.

Reads `{"rows": [checkpoint entries], "names": {URN: variable}}` from standard input; prints the code.
"""

from __future__ import annotations

import json
import sys

from local.engine.program.definition import definitions
from local.engine.state import resource_state

if __name__ == "__main__":
    document = json.load(sys.stdin)
    # Secrets come without what they hold: code doesn't either.
    states = [resource_state.load(row, str) for row in document["rows"]]
    sys.stdout.write(definitions(states, document["names"]))
