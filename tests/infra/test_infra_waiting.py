"""Values that wait stay as known as they are."""

import asyncio

import pulumi
from pulumi_loops import closed_loops

from infra.waiting import after


def output(value, *, known=True, secret=False):
    async def later(result):
        await asyncio.sleep(0)
        return result

    return pulumi.Output(set(), later(value), later(known), later(secret))


def told(make):
    """What an output says of itself: its value, whether it is known, whether it is a secret."""

    async def ask():
        waiting = make()
        return await waiting.future(), await waiting.is_known(), await waiting.is_secret()

    with closed_loops():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(ask())


def test_a_known_value_stays_known_while_what_it_waits_for_is_unknown():
    assert told(lambda: after(output("mlw"), [output(None, known=False)])) == ("mlw", True, False)


def test_an_unknown_value_stays_unknown_and_a_secret_a_secret():
    assert told(lambda: after(output(None, known=False), [output("id")]))[1] is False
    assert told(lambda: after(output("mlw", secret=True), [output("id")])) == ("mlw", True, True)


def test_a_value_waits_for_the_others():
    order = []

    async def last():
        await asyncio.sleep(0.01)
        order.append("other")
        return "id"

    async def yes():
        return True

    def make():
        value = after(output("mlw"), [pulumi.Output(set(), last(), yes())])
        return value.apply(lambda text: order.append(text) or text)

    assert told(make)[0] == "mlw"
    assert order == ["other", "mlw"]
