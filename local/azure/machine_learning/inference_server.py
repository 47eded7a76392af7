"""Starts Azure ML's inference server, on loopback only; run by the Python of a deployment's environment.

``azmlinfsrv`` itself listens on all interfaces, which is right in a container and not on someone's machine. Arguments
are those of ``azmlinfsrv``.
"""

import os

from azureml_inference_server_http import constants  # pyright: ignore[reportMissingImports]
from gunicorn.config import KNOWN_SETTINGS  # pyright: ignore[reportMissingModuleSource]

constants.DEFAULT_HOST = "127.0.0.1"

from azureml_inference_server_http.amlserver import run  # noqa: E402 # pyright: ignore[reportMissingImports]

if __name__ == "__main__":
    # Newer versions of gunicorn listen for their control program below the home folder, one server for all.
    if any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS):
        given = os.environ.get("GUNICORN_CMD_ARGS", "")
        os.environ["GUNICORN_CMD_ARGS"] = f"{given} --no-control-socket".strip()
    run()
