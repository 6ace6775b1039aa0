"""A worker: serves only what is ready, drains in order, and never waits for longer than it may."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.config import Config, Http, Limits, Listener, Route, Server, State
from mailrelay.interfaces.history import Selection
from mailrelay.mail.reply import Refusal
from mailrelay.manage import Installation, accounts, connections, domains
from mailrelay.manage.switches import pause
from mailrelay.policy.dialect import Dialects
from mailrelay.run import worker as module
from mailrelay.run.ports import Address, listen_all
from mailrelay.run.wiring import bounded
from mailrelay.run.worker import CLOSE, CUT, GRACE, LAST_COMMIT, Worker, now
from mailrelay.store import Store, Unfit, open_store
from mailrelay.vault import Vault
from tests.fresh import fresh_folder
from tests.rendering import RenderHere

from ..mail.signatures import private_key

DIALECTS = Dialects.shipped()


class WorkerTests(SynchronousTestCase):
    """A worker on a real store that answers at once, with ports and time in memory."""

    def setUp(self) -> None:
        self.state = Path(self.mktemp())
        self.state.mkdir(mode=0o700)
        self.vault = Vault(b"k" * 32)
        self.reactor = MemoryReactorClock()
        self.config = Config(
            server=Server(hostname="relay.test"),
            state=State(path=self.state),
            listeners=(
                Listener(name="a", port=0, tls="none"),
                Listener(name="b", port=0, tls="none", login="address", trusted=("10.0.0.0/8",), connection="shop"),
            ),
            routes=(Route(name="out", hosts=("127.0.0.1:25",), tls="none", default=True),),
            http=Http(),
        )
        self.stopped = False
        self.stores: list[Store] = []
        self.patch(module, "open_store", self.open)
        self.connection = self.furnish()
        self.sockets = listen_all({each.name: Address("127.0.0.1", 0) for each in self.config.listeners})
        self.worker = Worker(
            self.config,
            self.sockets,
            self.reactor,
            vault=self.vault,
            dialects=DIALECTS,
            connections={"b": self.connection},
        )
        self.addCleanup(self.end)

    def open(self, where: Path, *, reactor: Any, **how: Any) -> Store:
        self.stores.append(open_store(where, inline=True, **how))
        return self.stores[-1]

    def place(self, store: Store) -> Installation:
        return Installation.over(
            store,
            renderer=RenderHere(),
            vault=self.vault,
            dialects=DIALECTS,
            now=now,
            random=os.urandom,
            new_private_key=lambda algorithm: succeed(private_key(algorithm)),
        )

    def furnish(self) -> str:
        """Account acme with domain acme.test and the connection shop; its id."""
        store = open_store(fresh_folder(str(self.state)), node="N0", now=now, inline=True)
        place = self.place(store)
        self.done(accounts.create(place, "acme", 10))
        self.done(domains.add(place, "acme", "acme.test", verified=True))
        wanted = connections.Wanted("acme", "shop", "standard", "app@acme.test", "shop", active=True)
        issued = self.done(connections.create(place, wanted))
        self.login = base64.b64encode(f"\0shop\0{issued.password}".encode()).decode()
        self.done(store.close())
        return issued.connection.id

    def done(self, what: Any) -> Any:
        return self.successResultOf(what)

    def start(self) -> None:
        self.done(Deferred.fromCoroutine(self.worker.start()))

    def stop(self) -> Deferred[None]:
        self.stopped = True
        return Deferred.fromCoroutine(self.worker.stop())

    def end(self) -> None:
        if self.stopped:
            return
        ending = self.stop()
        for _ in range(60):
            self.reactor.advance(0.25)
        self.done(ending)

    def dial(self, port: int = 0, address: str = "10.1.2.3") -> StringTransport:
        """A client of the listener at a place; what it hears is in `value()`."""
        factory = self.reactor.adoptedPorts[port][2]
        transport = StringTransport(peerAddress=type("Peer", (), {"host": address})())
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        transport.protocol = factory.buildProtocol(type("Peer", (), {"host": address})())
        transport.protocol.makeConnection(transport)
        return transport

    def say(self, client: StringTransport, *lines: str) -> list[str]:
        """The codes of the replies."""
        client.clear()
        client.protocol.dataReceived("".join(f"{line}\r\n" for line in lines).encode())
        return [line[:3] for line in client.value().decode().splitlines() if line[3:4] != "-"]

    def send(self, client: StringTransport, *recipients: str) -> list[str]:
        rcpts = [f"RCPT TO:<{each}>" for each in recipients]
        self.say(client, "MAIL FROM:<app@acme.test>", *rcpts, "DATA")
        return self.say(client, "From: app@acme.test", "", "Hello", ".")

    def rows(self) -> list[Any]:
        """What the store says of every recipient."""
        store = open_store(self.state, node="N9", now=now, inline=True)
        try:
            return list(self.done(store.history.passages(Selection(), 100)))
        finally:
            self.done(store.close())

    def test_serves(self) -> None:
        """Every listener is served by its own kind of login, and mail that is accepted goes to the route's host."""
        self.start()
        self.assertEqual([sock.fileno() for sock in self.sockets.values()], [-1, -1])
        client = self.dial()
        self.assertIn(b"220 relay.test", client.value())
        self.assertEqual(self.say(client, "EHLO x", "MAIL FROM:<app@acme.test>"), ["250", "530"])
        self.assertEqual(self.say(client, f"AUTH PLAIN {self.login}"), ["235"])
        self.assertEqual(self.send(client, "ann@b.test"), ["250"])
        self.assertEqual([connected[:2] for connected in self.reactor.tcpClients], [("127.0.0.1", 25)])
        trusted = self.dial(1)
        self.say(trusted, "EHLO x")
        self.assertEqual(self.send(trusted, "bob@b.test"), ["250"])
        self.assertNotIn(b"220", self.dial(1, "192.0.2.1").value())
        self.assertEqual({each.connection for each in self.rows()}, {self.connection})

    def test_nothing_is_served_before_all_is_ready(self) -> None:
        """A store that cannot be opened keeps every port closed, and the stop that follows lets go of everything."""
        self.patch(module, "open_store", lambda *where, **how: (_ for _ in ()).throw(Unfit("too old")))
        self.failureResultOf(Deferred.fromCoroutine(self.worker.start()), Unfit)
        self.assertEqual(self.reactor.adoptedPorts, [])
        self.done(self.stop())
        self.assertEqual([sock.fileno() for sock in self.sockets.values()], [-1, -1])

    def write_by(self, answer: Callable[[], Deferred[None]]) -> None:
        """Let the store that is opened next answer what is written so."""

        def open(where: Path, **how: Any) -> Store:
            store = self.open(where, **how)
            self.patch(store.registry, "put_setting", lambda key, value: answer())
            return store

        self.patch(module, "open_store", open)

    def test_store_that_cannot_be_written(self) -> None:
        """It keeps every port closed, so nothing is READY; the reason names the store and what is wrong with it."""
        refusal = Refusal("storage_full", rule="store_failed", facts={"error": "no space left"})
        self.write_by(lambda: fail(refusal))
        error = self.failureResultOf(Deferred.fromCoroutine(self.worker.start()), Unfit).value
        self.assertEqual(str(error), f"{self.state}: cannot be written: no space left")
        self.assertEqual(self.reactor.adoptedPorts, [])

    def test_answers(self) -> None:
        """A store that says that it is full has answered; one that did not come to it has not."""
        answers: list[Deferred[None]] = [succeed(None)]
        self.write_by(lambda: answers.pop())
        self.start()
        for rule, answered in (("store_failed", True), ("store_busy", False)):
            answers.append(fail(Refusal("temporary", rule=rule)))
            asked = Deferred.fromCoroutine(self.worker.answers())
            if answered:
                self.done(asked)
            else:
                self.failureResultOf(asked, Refusal)
        answers.append(Deferred())
        self.assertNoResult(Deferred.fromCoroutine(self.worker.answers()))

    def test_half_started(self) -> None:
        """What fails after the store was opened leaves it closed: no lease, no node, nothing that counts as alive."""
        self.patch(module, "wire", lambda *what, **how: 1 / 0)
        self.failureResultOf(Deferred.fromCoroutine(self.worker.start()), ZeroDivisionError)
        self.assertEqual(len(os.listdir(self.state / "nodes")), 1)
        self.done(self.stop())
        self.assertEqual(os.listdir(self.state / "nodes"), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_dead_are_buried_first(self) -> None:
        """What a process that died had in hand is sent by the next, from its start on (law 4)."""
        self.start()
        client = self.dial(1)
        self.say(client, "EHLO x")
        self.send(client, "ann@b.test")
        self.assertEqual([each.leased for each in self.rows()], [True])
        os.close(self.stores[0].nodes._file)  # type: ignore[union-attr,arg-type]
        self.stores[0].nodes._file = None  # type: ignore[union-attr]
        again = Worker(
            self.config,
            listen_all({each.name: Address("127.0.0.1", 0) for each in self.config.listeners}),
            reactor := MemoryReactorClock(),
            vault=self.vault,
            dialects=DIALECTS,
            connections={"b": self.connection},
        )
        self.done(Deferred.fromCoroutine(again.start()))
        self.assertEqual([connected[:2] for connected in reactor.tcpClients], [("127.0.0.1", 25)])
        ending = Deferred.fromCoroutine(again.stop())
        for _ in range(60):
            reactor.advance(0.25)
        self.done(ending)

    def test_pause(self) -> None:
        """A switch that was moved before the start holds from the first client on; moved later, within a second."""
        store = open_store(self.state, node="N8", now=now, inline=True)
        self.done(pause(self.place(store), "moving"))
        self.start()
        self.assertIn(b"421", self.dial().value())
        self.done(store.registry.put_setting("paused", ""))
        self.worker.store.directory.forget()
        self.reactor.advance(1)
        self.assertIn(b"220", self.dial().value())
        self.done(store.close())

    def test_stop_of_an_idle_worker(self) -> None:
        """Idle clients are told 421, ports are closed first, and nothing is left to happen."""
        self.start()
        client = self.dial()
        client.clear()
        stopping = self.stop()
        self.assertIn(b"421", client.value())
        client.protocol.connectionLost(None)
        self.reactor.advance(CUT + 0.2)
        self.done(stopping)
        self.assertEqual(os.listdir(self.state / "nodes"), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_gives_back(self) -> None:
        """What a silent next hop holds up is cut off in time, put off, and free for the next process; within ten
        seconds, whatever happens (D15)."""
        self.assertLess(GRACE + 1.1 * CUT + LAST_COMMIT + 1.5 * CLOSE, 10)
        self.start()
        client = self.dial(1)
        self.say(client, "EHLO x")
        self.assertEqual(self.send(client, "ann@b.test", "bob@b.test"), ["250"])
        client.protocol.connectionLost(None)
        stopping = self.stop()
        self.reactor.advance(GRACE - 0.5)
        self.assertNoResult(stopping)
        for _ in range(16):
            self.reactor.advance(0.25)
        self.done(stopping)
        self.assertEqual([(each.leased, each.state.final) for each in self.rows()], [(False, False)] * 2)

    def test_hurry(self) -> None:
        """Told to hurry, it waits for no hop any longer; what was cut off is put off and free all the same (D15)."""
        self.start()
        client = self.dial(1)
        self.say(client, "EHLO x")
        self.assertEqual(self.send(client, "ann@b.test"), ["250"])
        client.protocol.connectionLost(None)
        stopping = self.stop()
        self.reactor.advance(0.1)
        self.assertNoResult(stopping)
        self.worker.hurry()
        self.worker.hurry()
        for _ in range(5):
            self.reactor.advance(0.25)
        self.done(stopping)
        self.assertEqual([(each.leased, each.state.final) for each in self.rows()], [(False, False)])

    def test_store_that_does_not_close(self) -> None:
        """A store that hangs holds the end up by seconds, no more; one that fails is logged."""
        self.start()
        store = self.stores[0]
        self.patch(store.nodes, "leave", lambda: Deferred())
        close = store.close
        self.patch(store, "close", lambda: close().addCallback(lambda _: 1 / 0))
        stopping = self.stop()
        for _ in range(16):
            self.reactor.advance(0.25)
        self.done(stopping)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class WiringTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        """The installation's limits bound every dialect's, and never widen one; 0 leaves the dialect's own."""
        own = DIALECTS.get("standard")
        for size, recipients, expected in (
            (0, 0, (own.size, own.recipients)),
            (1000, 5, (1000, 5)),
            (own.size * 2, own.recipients * 2, (own.size, own.recipients)),
        ):
            config = Config(limits=Limits(size=size, recipients=recipients))
            found = bounded(DIALECTS, config)
            self.assertEqual((found.get("standard").size, found.get("standard").recipients), expected)
            self.assertEqual(found.names, DIALECTS.names)
            self.assertEqual(found.get("rusender").name, "emailmassivo")
