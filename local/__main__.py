"""``python -m local``: local Azure and the local stack from the command line."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (it says so before anything fails to be imported)
    sys.exit(
        "python -m local needs Python 3.11 or newer; this is "
        + sys.version.split()[0]
        + ". Use .venv/bin/python."
    )

try:
    from local.cli import app
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing; run `make setup`, then use .venv/bin/python.")

if __name__ == "__main__":
    app()
