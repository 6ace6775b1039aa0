"""The whole server in memory: a real session, login and transaction over the memory twins, for one dialect.

`Whole` is an installation with one account and one connection. `prepared` makes the one in which a golden dialogue is
played: a line ``# given: …`` names a condition of `GIVEN`, a line ``# states: …`` is one of a dialect file that
inherits from the dialogue's dialect. What happens at ``T: meanwhile`` is said by a condition, too. There is no socket,
no thread, no disk.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from mailrelay.interfaces.directory import ConnectionFacts, Credential
from mailrelay.interfaces.routes import StoredRoute
from mailrelay.interfaces.scanner import IScanner
from mailrelay.interfaces.submission import IConnection
from mailrelay.mail.envelope import SECOND
from mailrelay.mail.reply import Refusal
from mailrelay.policy.dialect import Dialect, Dialects, load
from mailrelay.relay.hashing import SlowHash
from mailrelay.relay.intake import Intake
from mailrelay.relay.keys import KeyLogin, LateChecker, LateRealm
from mailrelay.relay.late import LateConnection
from mailrelay.relay.login import LoginGuard, PasswordChecker, Realm
from mailrelay.relay.submission import SubmittingConnection
from mailrelay.smtp.listener import Limits, Listener
from mailrelay.smtp.server import SmtpServerFactory
from mailrelay.store.counters import MemoryCounters
from mailrelay.store.memory import MemoryDirectory, MemoryLedger, MemorySpool, MemoryState
from mailrelay.store.memory.files import MemoryFiles
from tests.relay.fakes import START, KeptVerdicts
from tests.rendering import RenderHere
from tests.smtp.inward import HalfTransport

from .dialogue import InMemory, variables_of

SHIPPED = Dialects.shipped()
USER, SECRET = "user", "a key of twenty letters and more"


class _Scheduled:
    """A scheduler with room for everything."""

    def has_room(self, recipients: int) -> bool:
        return True

    def take(self, deliveries: object, message: object) -> None:
        """What was accepted is of no further interest."""


@implementer(IScanner)
class Scanner:
    """Finds what begins EICAR's test file; `away`: tells nothing."""

    def __init__(self, away: bool = False) -> None:
        self._away = away

    def scan(self, octets: bytes) -> Deferred[str]:
        if self._away:
            return fail(Refusal("temporary", rule="scanner"))
        return succeed("Win.Test.EICAR_HDB-1" if b"EICAR-STANDARD-ANTIVIRUS" in octets else "")


class Whole:
    """One installation: the account has ten sends, acme.test and other.test are verified, new.test is not."""

    def __init__(self, name: str, states: str = "") -> None:
        """`states` is what a dialect file says beside what it inherits from the one of that name."""
        self.dialect = SHIPPED.get(name)
        if states:
            self.dialect = replace(load(f'inherits = "{name}"\ntitle = "Changed"\n{states}', "changed"), name=name)
        self.dialects = Dialects(self.dialect if each.name == name else each for each in SHIPPED)
        self.clock = Clock()
        self.clock.advance(START / SECOND)
        self.counters = MemoryCounters(self.clock)
        self.listener = Listener("test", "starttls", tls_required="plain" not in self.dialect.ports)
        self.context: object | None = object()
        self.guard = LoginGuard()
        self.paused = False
        self.free_space = 1000
        self.link_key = 0
        self.scanner: Scanner | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self.connection = ConnectionFacts(
            "C", "A", "shop", name, "active", "news@acme.test", "acme.test", options=self.dialect.options
        )
        self.state = MemoryState(balance={"A": 10})
        self.state.domains = {("A", "acme.test"): "verified", ("A", "other.test"): "verified"}
        self.state.domains["A", "new.test"] = "unverified"
        self.state.senders = {("A", "news@acme.test"): "confirmed"}
        self.ledger = MemoryLedger(self.state, "N")

    def change(self, **changes: Any) -> None:
        """Change the connection; `options` over those of the dialect."""
        options = {**self.connection.options, **changes.pop("options", {})}
        self.connection = replace(self.connection, options=options, **changes)

    def open(self) -> tuple[InMemory, Mapping[str, str]]:
        """A client's line, with the variables that a dialogue asks for."""
        self.factory = self._factory()
        username = next((each for each in self.dialect.key_usernames if each.isalnum()), USER)
        self._let_in(username)
        wire = InMemory(self.factory, HalfTransport())
        texts = {
            "mail_from": "news@acme.test",
            "rcpt": "rcpt@example.org",
            "other": "other@example.org",
            "key": SECRET,
            **LARGE,
        }
        return wire, variables_of(username, SECRET) | texts

    def _let_in(self, username: str) -> None:
        kind = "api_key" if self.dialect.credential == "api_key" else "generated"
        credential = Credential("K", kind, digest(SECRET), self.connection, username if kind == "generated" else "")
        self.state.connections["C"] = self.connection
        if kind == "generated":
            self.state.credentials[username] = (credential,)
        else:
            self.state.keys[credential.digest] = (credential,)

    def _factory(self) -> SmtpServerFactory:
        directory, intake, dialects = MemoryDirectory(self.state), self._intake(), self.dialects
        slow = SlowHash(lambda text, secret: False, execute, digest, "nothing")

        def avatar(facts: ConnectionFacts, dialect: Dialect) -> IConnection:
            connection: IConnection = SubmittingConnection(intake, facts, dialect)
            return connection

        checker = PasswordChecker(directory, self.counters, digest, slow, self.guard, dialects)
        late = {}
        if self.dialect.credentials_at == "data":
            log_in = KeyLogin(directory, self.counters, digest, self.guard, dialects, self.dialect)
            realm = LateRealm(lambda secret: LateConnection(intake, self.dialect, log_in, secret))
            late[self.dialect.name] = Portal(realm, (LateChecker(),))
        return SmtpServerFactory(
            self.listener,
            self.dialect,
            Portal(Realm(directory, avatar, dialects), (checker,)),
            "mx.example",
            self.clock,
            self.context,  # type: ignore[arg-type]
            lambda number: bytes(number),
            lambda: self.paused,
            late=late,
        )

    def _intake(self) -> Intake:
        numbers = count()
        return Intake(
            directory=MemoryDirectory(self.state),
            ledger=self.ledger,
            spool=MemorySpool(self.state),
            counters=self.counters,
            verdicts=KeptVerdicts(),
            scheduler=_Scheduled(),
            trace=lambda id, at, peer: f"Received: by us id {id}\r\n".encode(),
            paused=lambda: self.paused,
            free_space=lambda: self.free_space,
            free_space_floor=1000,
            renderer=RenderHere(),
            files=MemoryFiles(),
            now=lambda: int(self.clock.seconds() * SECOND),
            random=lambda octets: next(numbers).to_bytes(octets, "big"),
            lifetime=3600,
            mailbox_full=86_400,
            routes=frozenset({"sink"}),
            link_key=lambda: self.link_key,
            scanner=self.scanner,
        )


def digest(secret: str) -> str:
    return hmac.new(b"key", secret.encode(), "sha256").hexdigest()


#: What would not be read in a dialogue.
LARGE = {
    "long": "x" * 20_000,
    "large": "\r\n".join(["x" * 70] * 40),
    "many_fields": "\r\n".join([f"X-{number}: " + "x" * 900 for number in range(160)]),
    "many_hops": "\r\n".join(["Received: from a by b"] * 60),
}


# -- conditions


def _limits(**limits: int) -> Callable[[Whole], None]:
    def given(whole: Whole) -> None:
        whole.listener = replace(whole.listener, limits=Limits(**limits))

    return given


def _changed(**changes: Any) -> Callable[[Whole], None]:
    return lambda whole: whole.change(**changes)


def _tls_required(whole: Whole) -> None:
    whole.listener = replace(whole.listener, tls_required=True)


def _no_certificate(whole: Whole) -> None:
    whole.context = None


def _no_tls(whole: Whole) -> None:
    whole.listener = replace(whole.listener, tls="none")


def _set(name: str, value: Any) -> Callable[[Whole], None]:
    return lambda whole: setattr(whole, name, value)


def _balance(sends: int) -> Callable[[Whole], None]:
    return lambda whole: whole.state.balance.update(A=sends)


def _suppressed(whole: Whole) -> None:
    whole.state.suppressions["A", "rcpt@example.org"] = "complaint"


def _full_mailbox(whole: Whole) -> None:
    whole.state.full["A", "rcpt@example.org"] = int(whole.clock.seconds() * SECOND)


def _store_fails(whole: Whole) -> None:
    # as the ledger says it of a batch that could not be written
    whole.state.failures.append(Refusal("temporary", rule="store_busy"))


def _spent_meanwhile(whole: Whole) -> None:
    whole.meanwhile = lambda: whole.state.balance.update(A=0)


def _blocked_meanwhile(whole: Whole) -> None:
    def block() -> None:
        whole.state.connections["C"] = replace(whole.state.connections["C"], status="blocked")

    whole.meanwhile = block


def _failed_logins(whole: Whole) -> None:
    whole.guard = LoginGuard(0, 0)


def _stops_meanwhile(whole: Whole) -> None:
    whole.meanwhile = lambda: whole.factory.drain()


def _long_silence(whole: Whole) -> None:
    whole.meanwhile = lambda: [whole.clock.advance(step) for step in (400, 4000)]


def _another_client(whole: Whole) -> None:
    build, whole.meanwhile = whole._factory, lambda: None

    def factory() -> SmtpServerFactory:
        made = build()
        InMemory(made, HalfTransport())
        return made

    whole._factory = factory  # type: ignore[method-assign]


def _routes(whole: Whole) -> None:
    for id in ("eu", "us"):
        whole.state.routes["A", id] = StoredRoute("A", id, (("192.0.2.1", 25),))


GIVEN: Mapping[str, Callable[[Whole], None]] = {
    "TLS is required": _tls_required,
    "there is no certificate": _no_certificate,
    "TLS is not offered": _no_tls,
    "everything is paused": _set("paused", True),
    "the disk is full": _set("free_space", 10),
    "the store fails": _store_fails,
    "the daemon stops meanwhile": _stops_meanwhile,
    "nothing is said meanwhile": _long_silence,
    "one error is one too many": _limits(errors=1),
    "one transaction is all": _limits(transactions=1),
    "one client is all": lambda whole: (_limits(connections=1)(whole), _another_client(whole))[0],
    "one client of an address is all": lambda whole: (
        _limits(connections_per_address=1)(whole),
        _another_client(whole),
    )[0],
    "messages are scanned": lambda whole: setattr(whole, "scanner", Scanner()),
    "the scanner is away": lambda whole: setattr(whole, "scanner", Scanner(away=True)),
    "too many logins have failed": _failed_logins,
    "nothing is left to send": _balance(0),
    "one is left to send": _balance(1),
    "what is left is spent meanwhile": _spent_meanwhile,
    "the connection is blocked meanwhile": _blocked_meanwhile,
    "one a minute": _changed(rate=1, rate_period=60, rate_burst=1),
    "one a day": _changed(options={"daily_limit": 1}),
    **{
        f"the connection replies by {form}": _changed(options={"replies": [form]})
        for form in ("transaction_failed", "internal_error_554", "internal_error_transaction_failed")
    },
    "only the connection's domain sends": _changed(options={"sender": "connection"}),
    "only confirmed addresses send": _changed(options={"sender": "address"}),
    "the recipient complained": _suppressed,
    "the recipient's mailbox is full": _full_mailbox,
    "links are missing": lambda whole: (
        whole.change(options={"missing_tags": "refuse"}),
        setattr(whole, "link_key", 1),
    )[0],
    "there are several routes": _routes,
}


def prepared(path: Path) -> Whole:
    """The installation of a dialogue, which stands in a folder of its dialect's folder."""
    lines = path.read_text("utf-8").splitlines()
    states = [line.removeprefix("# states: ") for line in lines if line.startswith("# states: ")]
    whole = Whole(path.parent.parent.name, "\n".join(states))
    for line in lines:
        if line.startswith("# given: "):
            GIVEN[line.removeprefix("# given: ")](whole)
    return whole
