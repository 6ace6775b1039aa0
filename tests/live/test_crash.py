"""What a crash leaves: nothing that was answered 250 is lost, and no more is doubled than was on the wire."""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread

from .daemon import Sandbox, Shop, eventually, letter, send

CONCURRENCY = 20  #: deliveries on the wire at once


class Load:
    """Sessions that send one mail after the other until the server is gone; `taken` are the recipients with a 250."""

    def __init__(self, sandbox: Sandbox, shop: Shop, sessions: int = 4, each: int = 2) -> None:
        self.taken: list[str] = []
        self.doubtful: list[str] = []
        self._sandbox = sandbox
        self._shop = shop
        self._each = each
        self._enough = Event()
        self._threads = [Thread(target=self._session, args=(number,)) for number in range(sessions)]
        for thread in self._threads:
            thread.start()

    def _session(self, session: int) -> None:
        number = 0
        try:
            with self._sandbox.smtp(self._shop) as client:
                while not self._enough.is_set():
                    to = [f"load{session}.{number}.{n}@example.net" for n in range(self._each)]
                    number += 1
                    self.doubtful += to
                    send(client, self._shop.mail_from, to, letter(self._shop))
                    self.taken += to
                    for each in to:
                        self.doubtful.remove(each)
        except (OSError, smtplib.SMTPException, AssertionError):
            # the server is gone, or says that it is about to
            return

    def join(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


def under_load(sandbox: Sandbox, shop: Shop, end: Callable[[], object], after: int) -> Load:
    """End the daemon somehow once so many recipients have been taken, and start it again."""
    load = Load(sandbox, shop)
    try:
        eventually(lambda: len(load.taken) >= after, 20, f"{after} recipients")
        end()
    finally:
        load.join()
    sandbox.start()
    return load


def counted(sandbox: Sandbox, start: str) -> Counter[str]:
    """How often the sink has mail for each recipient that begins so."""
    kept = sandbox.get("/api/v1/sandbox/messages", limit=10_000)
    return Counter(each["rcpt_to"] for each in kept if each["rcpt_to"].startswith(start))


def quiet(sandbox: Sandbox, shop: Shop) -> bool:
    """Does nothing of the shop wait any more?"""
    return not sandbox.cli("queue", "list", "--account", shop.account)["waiting"]


def test_queued_mail_survives(sandbox: Sandbox, shop: Shop) -> None:
    """Mail that is queued when the daemon is killed is delivered once after a restart; an old sign is no hindrance."""
    to = [f"soft-bounce+{number}@example.net" for number in range(30)]
    id = sandbox.submit(shop, to)
    sandbox.kill()
    assert sandbox.sign.exists()
    sandbox.start()
    found = sandbox.settled(id, 20)
    assert found.keys() == set(to) and {each["state"] for each in found.values()} == {"delivered"}
    assert counted(sandbox, "soft-bounce+") == dict.fromkeys(to, 1)


def test_held_mail_survives(sandbox: Sandbox, shop: Shop) -> None:
    """Mail that is held stays held through a kill, and goes when it is released."""
    id = sandbox.submit(shop, ["soft-bounce+held@example.net"])
    eventually(lambda: sandbox.history(id)["soft-bounce+held@example.net"]["state"] == "deferred")
    assert sandbox.cli("queue", "hold", "--id", id)["count"] == 1
    sandbox.kill()
    sandbox.start()
    (passage,) = sandbox.history(id).values()
    assert passage["held"] and passage["state"] == "deferred" and not passage["leased"]
    assert sandbox.cli("queue", "release", "--id", id)["count"] == 1
    assert sandbox.settled(id)["soft-bounce+held@example.net"]["state"] == "delivered"
    assert len(sandbox.inbox("soft-bounce+held@example.net")) == 1


def test_killed_on_the_wire(sandbox: Sandbox, shop: Shop) -> None:
    """Killed between the end of a message and the hop's reply: the mail comes a second time at most, and once at
    least."""
    id = sandbox.submit(shop, ["slow+kill@example.net"])
    eventually(lambda: sandbox.history(id)["slow+kill@example.net"]["leased"])
    sandbox.kill()
    sandbox.start()
    assert sandbox.settled(id)["slow+kill@example.net"]["state"] == "delivered"
    assert len(sandbox.inbox("slow+kill@example.net")) in (1, 2)


def test_killed_under_load(sandbox: Sandbox, shop: Shop) -> None:
    """Killed again and again while sessions send: every recipient that was acknowledged arrives, doubled are no more
    than were on the wire at each kill, and of the others only those whose 250 may have been on its way."""
    sandbox.cli("balance", "set", shop.account, "100000")
    sandbox.request("/api/v1/sandbox/messages", "DELETE")
    for kill in range(3):
        load = under_load(sandbox, shop, sandbox.kill, 40 + 60 * kill)
        eventually(lambda: quiet(sandbox, shop), 30, "an empty queue")
        arrived = counted(sandbox, "load")
        assert not set(load.taken) - arrived.keys()
        assert not arrived.keys() - set(load.taken) - set(load.doubtful)
        assert sum(arrived.values()) - len(arrived) <= CONCURRENCY
        sandbox.assert_sound()
        sandbox.request("/api/v1/sandbox/messages", "DELETE")


def test_stopped_under_load(sandbox: Sandbox, shop: Shop) -> None:
    """SIGTERM while sessions send: what was acknowledged arrives exactly once, and nothing else."""
    sandbox.cli("balance", "set", shop.account, "100000")
    sandbox.request("/api/v1/sandbox/messages", "DELETE")
    load = under_load(sandbox, shop, sandbox.stop, 100)
    eventually(lambda: quiet(sandbox, shop), 30, "an empty queue")
    arrived = counted(sandbox, "load")
    assert not set(load.taken) - arrived.keys()
    assert not arrived.keys() - set(load.taken) - set(load.doubtful)
    assert set(arrived.values()) == {1}
    billed = sandbox.cli("message", "list", "--account", shop.account, "--limit", "10000")
    assert 100_000 - sandbox.available(shop) == len(billed) == len(arrived)


def test_killed_in_the_middle_of_a_message(sandbox: Sandbox, shop: Shop) -> None:
    """A message whose end has not come leaves nothing: no mail, no charge, no file."""
    files = {path.name for path in sandbox.state.rglob("*")}
    with sandbox.smtp(shop) as client:
        client.mail(shop.mail_from)
        client.rcpt("half@example.net")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(letter(shop, "half", b"half a message " * 100_000))
        sandbox.kill()
        client.close()
    sandbox.start()
    assert sandbox.cli("message", "list", "--account", shop.account) == []
    assert sandbox.available(shop) == 1000
    sandbox.submit(shop, ["after@example.net"])
    sandbox.inbox("after@example.net")
    assert sandbox.arrived("half@example.net") == []
    nodes = {path.name for path in (sandbox.state / "nodes").iterdir()}
    assert {path.name for path in sandbox.state.rglob("*")} - nodes <= files | {"ready.json"}


def test_two_daemons_on_one_state(sandbox: Sandbox, shop: Shop) -> None:
    """A second daemon on the same state, on other ports, is refused with one line and a status that is not 0; the first
    one stays as it is, and so does its sign (D11)."""
    second = Sandbox(sandbox.folder)
    assert second.state == sandbox.state and second.base_port != sandbox.base_port
    status, lines = second.refused()
    assert status != 0
    assert len(lines) == 1 and str(sandbox.state) in lines[0], lines
    assert sandbox.running and sandbox.listens()
    sandbox.submit(shop, ["first@example.net"])
    assert len(sandbox.inbox("first@example.net")) == 1
