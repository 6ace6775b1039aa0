"""What somebody may ask of us before it is known who it is: a budget for each address, where login comes late.

Transactions, recipients and octets are charged to the client's address as they come, and given back when the message
turns out to be somebody's; what never does stays charged until the window has passed. So a stranger fills neither the
memory nor the disk, and whoever has a key never meets the budget but for what is under way at once. Nothing here knows
what a key is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from ..interfaces.submission import IConnection, ISubmission, MailParameters, Peer
from ..mail.address import Mailbox
from ..mail.reply import Refusal
from ..policy.dialect import Dialect

#: Addresses remembered at a time.
_ROOM = 100_000
#: What tells that a message is nobody's.
NOBODY = frozenset({"api_key_missing", "api_key_refused", "auth_failed", "auth_throttled"})


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one address may have under way, or leave unproven, in `window` seconds."""

    transactions: int = 1000
    recipients: int = 10_000
    octets: int = 268_435_456
    window: float = 600.0


@dataclass(slots=True)
class _Charged:
    since: float
    transactions: int = 0
    recipients: int = 0
    octets: int = 0


class Unproven:
    """The budgets of a process; `clock` reads seconds."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float]) -> None:
        self._allowance = allowance
        self._clock = clock
        self._charged: dict[str, _Charged] = {}

    def take(self, address: str, *, transactions: int = 0, recipients: int = 0, octets: int = 0) -> bool:
        """Charge so much to an address, if there is room."""
        allowance, now = self._allowance, self._clock()
        charged = self._charged.get(address)
        if charged is None or now - charged.since >= allowance.window:
            if len(self._charged) >= _ROOM:
                del self._charged[next(iter(self._charged))]
            charged = self._charged[address] = _Charged(now)
        if (
            charged.transactions + transactions > allowance.transactions
            or charged.recipients + recipients > allowance.recipients
            or charged.octets + octets > allowance.octets
        ):
            return False
        charged.transactions += transactions
        charged.recipients += recipients
        charged.octets += octets
        return True

    def give_back(self, address: str, transactions: int, recipients: int, octets: int) -> None:
        """It was somebody's."""
        charged = self._charged.get(address)
        if charged is not None:
            charged.transactions = max(0, charged.transactions - transactions)
            charged.recipients = max(0, charged.recipients - recipients)
            charged.octets = max(0, charged.octets - octets)


@implementer(IConnection)
class BudgetedConnection:
    """A connection of which nobody knows whose it is, within the budget of its address."""

    def __init__(self, inner: IConnection, unproven: Unproven) -> None:
        self.name: str = inner.name
        self.dialect: Dialect = inner.dialect
        self._inner = inner
        self._unproven = unproven

    def submission(self, peer: Peer) -> ISubmission:
        inner: ISubmission = self._inner.submission(peer)
        budgeted: ISubmission = BudgetedSubmission(inner, self._unproven, peer.address)
        return budgeted

    def logout(self) -> None:
        self._inner.logout()


@implementer(ISubmission)
class BudgetedSubmission:
    """One transaction that is charged to an address until it is known whose it is."""

    def __init__(self, inner: ISubmission, unproven: Unproven, address: str) -> None:
        self._inner = inner
        self._unproven = unproven
        self._address = address
        self._taken = [0, 0, 0]
        self._over = False

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        if not self._unproven.take(self._address, transactions=1):
            return fail(Refusal("auth_throttled", rule="unproven"))
        self._taken[0] = 1
        judged: Deferred[None] = self._inner.mail(sender, parameters)
        return judged

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        if not self._unproven.take(self._address, recipients=1):
            return fail(Refusal("too_many_recipients", rule="unproven"))
        self._taken[1] += 1
        judged: Deferred[None] = self._inner.rcpt(recipient)
        return judged

    def write(self, chunk: bytes) -> Deferred[None] | None:
        if self._over or not self._unproven.take(self._address, octets=len(chunk)):
            self._over = True
            return None
        self._taken[2] += len(chunk)
        room: Deferred[None] | None = self._inner.write(chunk)
        return room

    def finish(self) -> Deferred[str]:
        if self._over:
            self._inner.abort()
            return fail(Refusal("auth_throttled", rule="unproven"))
        finished: Deferred[str] = self._inner.finish()
        return finished.addBoth(self._settle)

    def _settle(self, result: object) -> object:
        reason = getattr(result, "value", None)
        if not (isinstance(reason, Refusal) and reason.key in NOBODY):
            self._unproven.give_back(self._address, *self._taken)
        return result

    def abort(self) -> None:
        self._inner.abort()
