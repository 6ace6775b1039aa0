"""Each step of a message by itself, over the real code: ``python -m benchmarks.steps STEP N FOLDER`` prints µs of CPU.

A step runs in a process of its own and counts that process's whole CPU time, threads included; what it leans on is
replaced by something that does nothing. The steps need not add up to the whole: the rest is the scheduler, the log,
and what the steps cost each other.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.cred.portal import IRealm, Portal
from twisted.internet import epollreactor
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from mailrelay.interfaces.directory import ConnectionFacts, RecipientFacts, SenderFacts
from mailrelay.interfaces.routes import RouteNames
from mailrelay.interfaces.submission import IAddressLogin, IConnection, ISubmission, MailParameters, Peer
from mailrelay.mail.address import Mailbox, parse_mailbox
from mailrelay.mail.dkim import ALGORITHMS, Signer, sign
from mailrelay.mail.envelope import Capabilities, Delivered, Delivery, Hop, Recipient, Submission
from mailrelay.mail.message import Message
from mailrelay.mail.reply import Reply
from mailrelay.mail.transcript import transcript
from mailrelay.manage.signing import new_private_key
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.retry import Schedule
from mailrelay.relay.compose import compose, trace
from mailrelay.relay.intake import Intake
from mailrelay.relay.settle import Settler
from mailrelay.relay.submission import SubmittingConnection

from . import personal, rendering
from .load import RECIPIENT, SENDER, Sink, free_port, submit

CONCURRENCY = 20
FACTS = ConnectionFacts(
    "C",
    "A",
    "bench",
    "standard",
    "active",
    SENDER,
    SENDER.partition("@")[2],
    options=Dialects.shipped().get("standard").options,
)
SOURCE = (
    b"From: <sender@bench.example>\r\nTo: <recipient@dest.example>\r\nDate: Sat, 21 Nov 2026 02:00:00 +0000\r\n"
    b"Message-Id: <1.2@bench.example>\r\nSubject: measured\r\n\r\n" + (b"x" * 62 + b"\r\n") * 61
)
REPLY = Reply(250, "2.0.0", "Ok: queued as 01HF7YAT3VCVS30SW8TMD2KTZB")
SAID = transcript(
    [
        (1.000, "-", "kept connection, transaction 3"),
        (
            1.000,
            "C",
            b"MAIL FROM:<bounce+3@bounces.relay.example> SIZE=4096\r\nRCPT TO:<%s>\r\nDATA\r\n" % RECIPIENT.encode(),
        ),
        (1.001, "S", Reply(250, "2.1.0", "Ok")),
        (1.001, "S", Reply(250, "2.1.5", "Ok")),
        (1.001, "S", Reply(354, None, "End data with <CR><LF>.<CR><LF>")),
        (1.001, "C", "(the message, 4096 octets)"),
        (1.004, "S", REPLY),
    ]
)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def ident(kind: str, number: int) -> str:
    """An id in the shape of a ULID."""
    return f"01{kind}{number:023d}"


def deliveries(count: int) -> list[Delivery]:
    at = now()
    return [
        Delivery(ident("R", n), ident("M", n), "A", "C", SENDER, RECIPIENT, "dest.example", "", 0, at, at + 10**12)
        for n in range(count)
    ]


class Loop:
    """Runs something N times, 20 under way at a time, on a reactor, and prints what one cost."""

    def __init__(self, count: int, once: Callable[[int], Deferred[Any]]) -> None:
        self._left = iter(range(count))
        self._once = once

    def run(self) -> Deferred[Any]:
        return DeferredList([self._lane() for _ in range(CONCURRENCY)], fireOnOneErrback=True)

    def _lane(self) -> Deferred[None]:
        async def lane() -> None:
            for number in self._left:
                await self._once(number)

        return Deferred.fromCoroutine(lane())


@implementer(ISubmission)
class Discarding:
    """A transaction that takes everything and keeps nothing."""

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        return succeed(None)

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        return succeed(None)

    def write(self, chunk: bytes) -> None: ...

    def finish(self) -> Deferred[str]:
        return succeed("01ARZ3NDEKTSV4RRFFQ69G5FAV")

    def abort(self) -> None: ...


@implementer(IConnection)
class Discard:
    """A connection whose transactions are discarded."""

    name = "discard"

    def __init__(self) -> None:
        self.dialect = Dialects.shipped().get("standard")

    def submission(self, peer: Peer) -> ISubmission:
        return Discarding()

    def logout(self) -> None: ...


@implementer(IRealm)
class DiscardRealm:
    """Everybody is the same connection."""

    credentialInterfaces = (IAddressLogin,)
    connection = Discard()

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        return IConnection, self.connection, self.connection.logout

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes]:
        return succeed(b"discard")


class Nothing:
    """Every collaborator of an intake, answering at once and keeping nothing."""

    def connection(self, id: str) -> Deferred[ConnectionFacts]:
        return succeed(FACTS)

    def sender(self, account: str, connection: str, domain: str, address: str = "") -> Deferred[SenderFacts]:
        return succeed(SenderFacts("verified", 10**9, "active"))

    def recipient(self, account: str, key: str) -> Deferred[RecipientFacts]:
        return succeed(RecipientFacts("", 0))

    def routes(self, account: str) -> Deferred[RouteNames]:
        return succeed(RouteNames())

    def accept(self, submission: Submission, lease: bool) -> Deferred[Sequence[Delivery]]:
        return succeed(())

    def spent(self, account: str) -> None: ...

    def keep(self, *verdicts: object) -> None: ...

    def has_room(self, submission: Submission) -> bool:
        return True

    def take(self, taken: Sequence[Delivery], message: Message) -> None: ...


def wire_in(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """SMTP from the socket to the back end's door, and the replies."""
    from mailrelay.smtp.listener import Listener
    from mailrelay.smtp.server import SmtpServerFactory

    realm: Any = DiscardRealm()
    dialect = realm.connection.dialect
    factory = SmtpServerFactory(
        Listener("bench", login="address"), dialect, Portal(realm, [realm]), "relay.example", reactor, None, os.urandom
    )
    port = free_port()
    reactor.listenTCP(port, factory, interface="127.0.0.1", backlog=100)
    return deferToThread(submit, port, count)


def admission(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """Policy over a transaction, ids, the Received field, reading the header."""
    nothing: Any = Nothing()
    intake = Intake(
        directory=nothing,
        ledger=nothing,
        spool=nothing,
        counters=nothing,
        verdicts=nothing,
        scheduler=nothing,
        trace=lambda id, at, peer: trace("relay.example", id, at, esmtp=True, tls=False, login=True),
        paused=lambda: False,
        free_space=lambda: 1,
        now=now,
        random=os.urandom,
        lifetime=432_000,
        mailbox_full=86_400,
        free_space_floor=1,
        renderer=nothing,
        files=nothing,
    )
    connection = SubmittingConnection(intake, FACTS, Dialects.shipped().get("standard"))
    peer = Peer("127.0.0.1", "bench", "S", "localhost")
    sender, recipient = parse_mailbox(SENDER), parse_mailbox(RECIPIENT)

    async def once() -> None:
        transaction = connection.submission(peer)
        await transaction.mail(sender, MailParameters())
        await transaction.rcpt(recipient)
        transaction.write(SOURCE)
        await transaction.finish()

    return Loop(count, lambda _: Deferred.fromCoroutine(once())).run()


def commit(reactor: Any, count: int, folder: Path, settle: bool = False) -> Deferred[Any]:
    """Group commit of accepted messages on SQLite."""
    from mailrelay.interfaces.registry import Account, Connection
    from mailrelay.store.store import open_store

    store = open_store(folder, node="N", now=now, reactor=reactor)
    settler = Settler(store.ledger, Schedule((60,), 432_000, 0.0), now, lambda: 0.5, store.history.attempts)
    leased = {delivery.recipient: delivery for delivery in deliveries(count)}
    submissions = [
        Submission(
            delivery.message, "A", "C", "standard", "127.0.0.1", SENDER,
            (Recipient(delivery.recipient, RECIPIENT, RECIPIENT, "dest.example"),),
            SOURCE, "measured", delivery.accepted_at, delivery.expires_at,
            verdicts=({"rule": "sender_domain", "allowed": True, "facts": {"domain": "verified"}},),
        )
        for delivery in leased.values()
    ]  # fmt: skip

    async def once(number: int) -> None:
        for delivery in await store.ledger.accept(submissions[number], True):
            if settle:
                outcome = Delivered(REPLY, "127.0.0.1", now(), route="default", transcript=SAID)
                await settler.settle(delivery, outcome)

    async def everything() -> None:
        await store.nodes.join()
        await store.registry.add_account(Account("A", "bench", 10**9, 0, 0))
        await store.registry.add_connection(
            Connection("C", "A", "bench", "standard", SENDER, "active", "", (), 0, 60, 1, 0)
        )
        MARK.append(time.process_time())
        await Loop(count, lambda number: Deferred.fromCoroutine(once(number))).run()
        MARK.append(time.process_time())
        await store.close()

    return Deferred.fromCoroutine(everything())


def commit_and_settle(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """The same, each message settled as delivered afterwards."""
    return commit(reactor, count, folder, settle=True)


def composing(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """The bytes that leave, from the parsed message."""
    message = Message.parse(SOURCE).prepend(trace("relay.example", "01M", now(), esmtp=True, tls=False, login=True))
    offered = Capabilities(eight_bit=True, pipelining=True)
    for delivery in deliveries(count):
        compose(message, delivery, offered, "relay.example")
    return succeed(None)


def following(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """Links of one recipient in a large HTML text."""
    personal.follow_links(count, now())
    return succeed(None)


def composing_personal(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """The bytes that leave, with what is one recipient's own."""
    personal.compose_personal(count, now())
    return succeed(None)


def rendering_in_children(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """A template with variables, the relay's own share of it."""

    async def run(once: Callable[[int], Any]) -> None:
        MARK.append(time.process_time())
        await Loop(count, once).run()
        MARK.append(time.process_time())

    return Deferred.fromCoroutine(rendering.in_children(reactor, run))


def rendering_as_child(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """The same, the share of the child."""
    rendering.as_child(count)
    return succeed(None)


def signing(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """Both signatures over the bytes that leave."""
    signers = [Signer.load("bench.example", "bench", each, new_private_key(each)) for each in ALGORITHMS]
    MARK.append(time.process_time())
    for delivery in deliveries(count):
        sign(SOURCE, signers, delivery.accepted_at)
    MARK.append(time.process_time())
    return succeed(None)


def wire_out(reactor: Any, count: int, folder: Path) -> Deferred[Any]:
    """The envelope and the message to the next hop, and its verdicts."""
    from mailrelay.smtp.dial import connect_by
    from mailrelay.smtp.pool import Pool

    async def everything() -> None:
        with Sink() as sink:
            await deferToThread(time.sleep, 0.3)
            pool = Pool(connect_by(reactor), reactor, now, "relay.example")
            hop = Hop("127.0.0.1", sink.port, "none")

            def once(number: int) -> Deferred[Any]:
                sender = f"bounce+{number}@bounces.relay.example"
                return pool.transmit(hop, sender, (RECIPIENT,), lambda _: succeed(SOURCE))

            MARK.append(time.process_time())
            await Loop(count, once).run()
            MARK.append(time.process_time())
            await pool.close()

    return Deferred.fromCoroutine(everything())


#: CPU seconds at the beginning and the end, where a step has something to do before and after
MARK: list[float] = []

STEPS: Mapping[str, Callable[[Any, int, Path], Deferred[Any]]] = {
    "wire in": wire_in,
    "admission": admission,
    "commit": commit,
    "commit and settle": commit_and_settle,
    "compose": composing,
    "compose personal": composing_personal,
    "links": following,
    "render": rendering_in_children,
    "render, in the child": rendering_as_child,
    "signing": signing,
    "wire out": wire_out,
}


def main(step: str, count: int, folder: Path) -> None:
    """Run one step and print what one message cost, in µs of CPU."""
    epollreactor.install()  # type: ignore[no-untyped-call]
    from twisted.internet import reactor as installed

    reactor: Any = installed

    def begin() -> None:
        begun = time.process_time()
        done = maybeDeferred(STEPS[step], reactor, count, folder)

        def ended(result: Any) -> None:
            first, last = MARK or (begun, time.process_time())
            print(f"{(last - first) / count * 1e6:.1f}")

        done.addCallback(ended)
        done.addErrback(lambda failure: print(failure.getTraceback(), file=sys.stderr))
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
