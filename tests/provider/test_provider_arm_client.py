"""Requests, retries and long-running operations, against a scripted ARM."""

from __future__ import annotations

import asyncio

import pytest
from stub_arm import MANAGEMENT, serving

from local.provider.arm_client import ArmRequestError, OperationFailedError, Wait

PATH = "/subscriptions/s/resourceGroups/g"
OPERATION = "/subscriptions/s/operations/1"
QUERY = {"api-version": "2024-03-01"}
FAILED = {"status": "Failed", "error": {"code": "QuotaExceeded", "message": "No cores left."}}


def patient() -> Wait:
    return Wait(30, asyncio.Event())


def error(code: str) -> dict[str, object]:
    return {"error": {"code": code, "message": "…"}}


def test_throttling_and_server_errors_are_tried_again():
    async def scenario():
        async with serving() as (arm, client):
            arm.script("PUT", PATH, (429, {"Retry-After": "0"}, error("TooMany")), (503, {}, error("Busy")))
            await client.put(PATH, QUERY, {}, patient())
            assert arm.count("PUT", PATH) == 3

    asyncio.run(scenario())


def test_a_server_that_stays_broken_is_reported_with_its_own_words():
    async def scenario():
        async with serving() as (arm, client):
            arm.script("GET", PATH, *[(500, {}, error("InternalServerError"))] * 3)
            with pytest.raises(ArmRequestError, match="InternalServerError: …"):
                await client.get(PATH, "v")
            assert arm.count("GET", PATH) == 3

    asyncio.run(scenario())


def test_a_conflict_is_tried_again_only_while_another_operation_is_in_progress():
    async def scenario():
        async with serving() as (arm, client):
            arm.script(
                "PUT", PATH, (409, {}, error("AnotherOperationInProgress")), (409, {}, error("Conflict"))
            )
            with pytest.raises(ArmRequestError, match="Conflict") as caught:
                await client.put(PATH, QUERY, {}, patient())
            assert caught.value.status == 409
            assert arm.count("PUT", PATH) == 2

    asyncio.run(scenario())


def test_an_operation_is_polled_at_azure_asyncoperation_until_it_succeeds():
    async def scenario():
        async with serving() as (arm, client):
            headers = {"Azure-AsyncOperation": MANAGEMENT + OPERATION, "Location": MANAGEMENT + PATH}
            arm.script("PUT", PATH, (201, headers, {"properties": {"provisioningState": "Creating"}}))
            arm.script("GET", OPERATION, (202, {"Retry-After": "0"}, {"status": "InProgress"}))
            arm.script(
                "GET", OPERATION, (200, {}, {"status": "Updating"}), (200, {}, {"status": "Succeeded"})
            )
            await client.put(PATH, QUERY, {}, patient())
            assert arm.count("GET", OPERATION) == 3

    asyncio.run(scenario())


def test_an_operation_that_fails_says_why_and_that_it_was_accepted():
    async def scenario():
        async with serving() as (arm, client):
            arm.script("PUT", PATH, (201, {"Azure-AsyncOperation": MANAGEMENT + OPERATION}, {}))
            arm.script("GET", OPERATION, (200, {}, FAILED))
            with pytest.raises(OperationFailedError, match=r"QuotaExceeded: No cores left\."):
                await client.put(PATH, QUERY, {}, patient())

    asyncio.run(scenario())


def test_an_accepted_request_is_polled_at_its_location():
    async def scenario():
        async with serving() as (arm, client):
            arm.script("PUT", PATH, (202, {"Location": MANAGEMENT + OPERATION}, None))
            arm.script("GET", OPERATION, (202, {}, None), (200, {}, {}))
            await client.put(PATH, QUERY, {}, patient())
            assert arm.count("GET", OPERATION) == 2

    asyncio.run(scenario())


def test_a_resource_without_operation_headers_is_polled_until_its_state_is_final():
    async def scenario():
        async with serving() as (arm, client):
            arm.script("PUT", PATH, (201, {}, {"properties": {"provisioningState": "Creating"}}))
            arm.script("GET", PATH, (200, {}, {"properties": {"provisioningState": "Creating"}}))
            arm.script("GET", PATH, (200, {}, {"properties": {"provisioningState": "Failed"}}))
            with pytest.raises(OperationFailedError, match="ended as Failed"):
                await client.put(PATH, QUERY, {}, patient())

    asyncio.run(scenario())


def test_deleting_what_is_gone_is_fine_also_while_waiting_for_it():
    async def scenario():
        async with serving() as (arm, client):
            await client.delete(PATH, "v", patient())
            arm.script("DELETE", PATH, (202, {"Location": MANAGEMENT + OPERATION}, None))
            await client.delete(PATH, "v", patient())
            assert arm.count("GET", OPERATION) == 1

    asyncio.run(scenario())


def test_a_delete_that_azure_refuses_is_an_error():
    async def scenario():
        async with serving() as (arm, client):
            arm.script("DELETE", PATH, (409, {}, error("ScopeLocked")))
            with pytest.raises(ArmRequestError, match="ScopeLocked"):
                await client.delete(PATH, "v", patient())

    asyncio.run(scenario())


def test_waiting_ends_when_the_time_is_up_or_the_update_is_cancelled():
    async def scenario():
        cancelled = asyncio.Event()
        async with serving() as (arm, client):
            headers = {"Azure-AsyncOperation": MANAGEMENT + OPERATION}
            arm.script("PUT", PATH, (201, headers, {}), (201, headers, {}))
            with pytest.raises(OperationFailedError, match="operation timed out"):
                await client.put(PATH, QUERY, {}, Wait(0, cancelled))
            cancelled.set()
            with pytest.raises(OperationFailedError, match="cancelled while Azure was still at work"):
                await client.put(PATH, QUERY, {}, Wait(30, cancelled))

    asyncio.run(scenario())
