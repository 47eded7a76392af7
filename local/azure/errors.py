"""The one writer of ARM errors.

Shape: ``{"error": {"code", "message", "target"?, "details"?}}``, as every Azure client parses it
(Microsoft REST API guidelines, "Error condition responses").
"""

from __future__ import annotations

from typing import Any


class ArmError(Exception):
    """A refusal, with the status and code that Azure gives it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[dict[str, Any]] | None = None,
        inner: str = "",
        additional: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = details or []
        self.inner = inner
        self.additional = additional or []
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details:
            error["details"] = self.details
        if self.additional:
            error["additionalInfo"] = self.additional
        if self.inner:
            error["innererror"] = {"code": self.inner}
        return {"error": error}


def not_found(resource_id: str) -> ArmError:
    """404 for a resource (``ResourceNotFound``)."""
    return ArmError(404, "ResourceNotFound", f"The resource '{resource_id}' was not found.")


def parent_not_found(resource_id: str) -> ArmError:
    """404 for the parent of what is to be made (``ParentResourceNotFound``)."""
    return ArmError(
        404,
        "ParentResourceNotFound",
        f"Failed to perform the operation because the parent resource '{resource_id}' was not found.",
    )


def bad_request(message: str, *, code: str = "BadRequest", target: str | None = None) -> ArmError:
    """400: the request breaks a rule."""
    return ArmError(400, code, message, target=target)


def conflict(message: str, *, code: str = "Conflict") -> ArmError:
    """409: the request is right, the state of the resource is not."""
    return ArmError(409, code, message)


def unsupported(what: str) -> ArmError:
    """501: Azure can do this and local Azure can't. Said, never pretended."""
    return ArmError(501, "NotSupportedByLocalAzure", f"{what} is not supported by local Azure.")
