"""A connection marked sandbox: one mail to every simulated recipient, and all that tells of it agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mailrelay.policy.simulation import LOCAL_PARTS

from .daemon import Sandbox, eventually, letter
from .hooks import Hooks

#: What each recipient's mail comes to; mailbox-full waits.
ENDS = {
    "ann": "delivered",
    "hard-bounce": "bounced",
    "mailbox-full": "deferred",
    "soft-bounce": "delivered",
    "spam": "bounced",
    "blocked": "bounced",
    "slow": "delivered",
    "late-bounce": "bounced",
    "open": "delivered",
    "click": "delivered",
    "unsubscribe": "delivered",
    "complain": "delivered",
}


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    hooks = Hooks()
    yield hooks
    hooks.stop()


def test_every_end(sandbox: Sandbox, hooks: Hooks) -> None:
    """Nothing leaves; history, events, a webhook, statistics, suppressions and explain tell the same of every end."""
    assert set(ENDS) == {"ann", *LOCAL_PARTS}
    shop = sandbox.shop(dialect="standard")
    tracked = ("sandbox=true", "track_opens=true", "track_clicks=true", "list_unsubscribe=true")
    sandbox.cli("connection", "set", shop.connection, *tracked)
    sandbox.cli("webhook", "add", hooks.url, "--account", shop.account)
    body = b'<p>Hi <a href="https://shop.example/offer">see</a></p>\r\n'
    fields = (b"MIME-Version: 1.0", b"Content-Type: text/html; charset=utf-8")
    to = {part: f"{part}@simulated.test" for part in ENDS}
    id = sandbox.submit(shop, list(to.values()), letter(shop, "sandboxed", body, *fields))
    expected = {to[part]: end for part, end in ENDS.items()}

    def ended() -> dict[str, dict[str, Any]]:
        found = sandbox.history(id)
        return found if {each: found[each]["state"] for each in found} == expected else {}

    history = eventually(ended, 30, f"the ends of {id}")
    assert history[to["soft-bounce"]]["attempts"] == 3
    assert {each["last_host"] for each in history.values()} == {"simulator"}
    assert not sandbox.arrived(to["ann"])

    acts = {"opened": 2, "clicked": 1, "unsubscribed": 1, "complained": 1}
    ends = Counter(expected.values())

    def told() -> Counter[str]:
        page = sandbox.cli("event", "list", "--account", shop.account, "--limit", "1000")
        found = Counter(each["type"] for each in page["events"])
        return found if all(found[name] == count for name, count in acts.items()) else Counter()

    events = eventually(told, 15, "what readers did")
    assert events["accepted"] == len(ENDS) and events["bounced"] == ends["bounced"]
    assert events["delivered"] == ends["delivered"] + 1  # the one that came back was delivered before

    def pushed() -> Counter[str]:
        found = Counter(each["type"] for each in hooks.events)
        return found if found >= events else Counter()

    assert eventually(pushed, 15, "the webhook")["clicked"] == 1
    counts = sandbox.cli("statistics", "--connection", shop.connection)["counts"]
    assert (counts["accepted"], counts["delivered"], counts["bounced"]) == (12, ends["delivered"], ends["bounced"])
    suppressed = {each["address"] for each in sandbox.cli("suppression", "list", "--account", shop.account)}
    assert suppressed == {to[part] for part in ("hard-bounce", "late-bounce", "unsubscribe", "complain")}
    explained = sandbox.cli("message", "explain", id)
    (bounced,) = [each for each in explained["recipients"] if each["passage"]["rcpt"] == to["hard-bounce"]]
    assert bounced["report"] is None and "no such mailbox" in bounced["attempts"][0]["transcript"][0]
    assert sandbox.cli("balance", "show", shop.account)["balance"] == 1000
    sandbox.cli("queue", "drop", "--id", id)


def test_switched_off(sandbox: Sandbox) -> None:
    """Marked no more, a connection sends again."""
    shop = sandbox.shop(dialect="standard")
    sandbox.cli("connection", "set", shop.connection, "sandbox=true")
    sandbox.settled(sandbox.submit(shop, ["ann@simulated.test"]))
    sandbox.cli("connection", "set", shop.connection, "sandbox=false")

    def arrived() -> object:
        sandbox.settled(sandbox.submit(shop, ["bob@simulated.test"]))
        return sandbox.arrived("bob@simulated.test")

    assert eventually(arrived, 10)
    assert not sandbox.arrived("ann@simulated.test")


def test_receiver_that_fails_for_a_while(sandbox: Sandbox, hooks: Hooks) -> None:
    """H13: a receiver that answers 500, is gone, and is there again gets everything that happened meanwhile, each event
    once and in order; the command line tells what is wrong with it, and sends at once."""
    shop = sandbox.shop(dialect="standard")
    sandbox.cli("connection", "set", shop.connection, "sandbox=true")
    name = shop.account
    sandbox.cli("webhook", "add", hooks.url, "--account", name, "--name", name)

    def failing(words: str) -> bool:
        return words in sandbox.cli("webhook", "show", name)["last_error"]

    hooks.answers = 500
    sandbox.settled(sandbox.submit(shop, ["ann@simulated.test"]))
    eventually(lambda: failing("500"), 15, "a failure")
    hooks.stop()
    sandbox.settled(sandbox.submit(shop, ["hard-bounce+later@simulated.test"]))
    sandbox.cli("webhook", "enable", name)
    eventually(lambda: failing("refused"), 15, "a refused connection")
    assert not hooks.events
    hooks.answers = 204
    hooks.start()
    sandbox.cli("webhook", "enable", name)
    expected = ["accepted", "delivered", "accepted", "bounced"]
    eventually(lambda: len(hooks.events) >= len(expected), 15, "everything")
    assert [each["type"] for each in hooks.events] == expected
    ids = [each["data"]["id"] for each in hooks.events]
    assert ids == sorted(set(ids))
    assert sandbox.cli("webhook", "show", name)["last_error"] == ""
