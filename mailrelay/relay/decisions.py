"""The decisions of one transaction: judged by the dialect's rules, or taken elsewhere, and each of them kept (law 11).

What is accepted carries them all; of what is refused the book of refusals gets those of the stage, with how the client
came. Rules are pure: where the facts are those of the transaction before, its verdicts are taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from zope.interface import implementer

from ..interfaces.directory import ConnectionFacts
from ..interfaces.submission import Peer
from ..interfaces.verdicts import IVerdicts
from ..mail.recurring import Recurring
from ..mail.reply import Refusal
from ..policy.admission import Facts, judge
from ..policy.dialect import Dialect
from ..policy.verdict import Verdict

#: Stages of which the facts are often those of the transaction before: who sends, sends much from one address, and the
#: same to many. Rules are pure, so equal facts are not judged again.
RECURRING = frozenset({"mail", "rate", "data"})


_NEVER: tuple[None, Sequence[Verdict], Sequence[Mapping[str, object]]] = (None, (), ())


class Judged:
    """What transactions of one connection and dialect share: how its client came, and by stage the facts that were
    judged last, the verdicts and how they are kept, and the last one by each rule."""

    __slots__ = ("_arrived", "_last", "_of", "stages")

    def __init__(self) -> None:
        self.stages: dict[str, tuple[Facts, Sequence[Verdict], Sequence[Mapping[str, object]]]] = {}
        self._of: tuple[Peer, ConnectionFacts] | None = None
        self._arrived: Sequence[Mapping[str, object]] = ()
        self._last: dict[str, tuple[Verdict, Recurring | None]] = {}

    def arrived(self, peer: Peer, connection: ConnectionFacts) -> Sequence[Mapping[str, object]]:
        """The decisions before the first of a transaction."""
        of = self._of
        if of is None or of[0] is not peer or of[1] is not connection:
            self._of = peer, connection
            self._arrived = [Recurring(each) for each in _arrival(peer, connection)]
        return self._arrived

    def plain(self, verdicts: Sequence[Verdict]) -> list[Mapping[str, object]]:
        """Verdicts as they are kept; what a rule says for the second time recurs, and is written once."""
        kept: list[Mapping[str, object]] = []
        for verdict in verdicts:
            before, recurring = self._last.get(verdict.rule, (None, None))
            if before != verdict:
                recurring = None
                self._last[verdict.rule] = verdict, None
            elif recurring is None:
                recurring = Recurring(verdict.plain())
                self._last[verdict.rule] = verdict, recurring
            kept.append(verdict.plain() if recurring is None else recurring)
        return kept


@implementer(IVerdicts)
class _NoBook:
    """Keeps nothing."""

    def keep(
        self, connection: str, account: str, peer: str, stage: str, verdicts: Sequence[Mapping[str, object]]
    ) -> None:
        """It is forgotten."""


NO_BOOK = _NoBook()


class Decisions:
    """Of one transaction; `connection` is whose it is as far as is known, `made` holds what was decided so far."""

    __slots__ = ("_book", "_dialect", "_judged", "_peer", "connection", "made")

    def __init__(
        self, book: IVerdicts, dialect: Dialect, peer: Peer, connection: ConnectionFacts, judged: Judged
    ) -> None:
        """`judged` is what transactions of one connection and dialect share."""
        self._book = book
        self._dialect = dialect
        self._peer = peer
        self._judged = judged
        self.connection = connection
        self.made: list[Mapping[str, object]] = list(judged.arrived(peer, connection))

    def judge(self, stage: str, facts: Facts, of: Collection[str] | None = None) -> None:
        """Judge by the dialect's rules of a stage, or those `of` them; fails with the `Refusal` of the one that
        refuses."""
        judged = self._judged
        known, verdicts, kept = judged.stages.get(stage, _NEVER) if of is None else _NEVER
        if known is None or known != facts:
            verdicts, kept = judge(self._dialect, stage, facts, of), ()
        if not kept:
            kept = judged.plain(verdicts)
            if of is None and stage in RECURRING:
                # kept as they are once all of them recur: until then each may be written anew
                judged.stages[stage] = facts, verdicts, kept if all(type(each) is Recurring for each in kept) else ()
        self.made.extend(kept)
        if verdicts and not verdicts[-1].allowed:
            self._keep(stage, [verdict.plain() for verdict in verdicts])
            raise verdicts[-1].refusal()

    def keep_nothing(self) -> None:
        """It is a preflight: what refuses it is told, and not kept."""
        self._book = NO_BOOK

    def note(self, rule: str, **facts: object) -> None:
        """Note a decision that refuses nothing."""
        self.made.append({"rule": rule, "allowed": True, "facts": facts})

    def turned_down(self, stage: str, refusal: Refusal) -> None:
        """Keep why something refused that is none of the dialect's rules."""
        decided = {"rule": refusal.rule, "allowed": False, "facts": refusal.facts, "reply": refusal.key}
        self._keep(stage, [decided])

    def _keep(self, stage: str, verdicts: Sequence[Mapping[str, object]]) -> None:
        connection, peer = self.connection, self._peer
        arrived = _arrival(peer, connection)
        self._book.keep(connection.id, connection.account, peer.address, stage, [*arrived, *verdicts])


def _arrival(peer: Peer, connection: ConnectionFacts) -> Sequence[dict[str, object]]:
    """The decisions before the first of ours: that the listener took the client in, and as whom it logged in by now."""
    listener = {
        "listener": peer.listener,
        "peer": peer.address,
        "hello": peer.hello,
        "esmtp": peer.esmtp,
        "tls": peer.tls,
        "session": peer.session,
    }
    arrived = ({"rule": "listener", "allowed": True, "facts": listener},)
    if not connection.id:
        return arrived
    login = {"connection": connection.id, "name": connection.name, "by": "user" if peer.login else "address"}
    if peer.login:
        login["user"] = peer.login
    return (*arrived, {"rule": "login", "allowed": True, "facts": login})
