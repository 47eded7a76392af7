"""``python -m ops``: what people and pipelines run, from the command line."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (it says so before anything fails to be imported)
    sys.exit(
        "python -m ops needs Python 3.11 or newer; this is "
        + sys.version.split()[0]
        + ". Use .venv/bin/python."
    )

try:
    from ops.cli import main
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing; run `make setup`, then use .venv/bin/python.")

if __name__ == "__main__":
    main()
