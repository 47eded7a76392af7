"""Starts Azure ML's inference server, on loopback only; run by the Python of a deployment's environment.

``azmlinfsrv`` itself listens on all interfaces, which is right in a container and not on someone's machine. Arguments
are those of ``azmlinfsrv``.
"""

from azureml_inference_server_http import constants  # pyright: ignore[reportMissingImports]

constants.DEFAULT_HOST = "127.0.0.1"

from azureml_inference_server_http.amlserver import run  # noqa: E402 # pyright: ignore[reportMissingImports]

if __name__ == "__main__":
    run()
