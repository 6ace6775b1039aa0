"""Forgetting one person, over a database: `IErasure`.

Recipients are looked for page by page, and changed by hundreds in a transaction; what ended in between is found by the
next page. Counters, money and states stay as they are. Text that quotes the address (replies of hosts, decisions) has
the pseudonym in its place; what may tell of the person otherwise (transcripts, subjects, sources, addresses and agents
of readers) goes. This module knows no key: `pseudonym` makes the keyed hash of a canonical address.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.erasure import ERASED, IErasure, Receipt
from ..mail.envelope import State
from ..policy.statistics import FINAL
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import (
    PENDING,
    accounts,
    attempts,
    chunks,
    engagements,
    erasures,
    full_mailboxes,
    keyed,
    messages,
    recipients,
    refusals,
    suppressions,
)
from .settle import end, facts_of
from .work import BULK, Work
from .writer import Writer

#: What stands before the keyed hash in the place of a canonical address, and the domain of the address shown.
PREFIX = "erased:"
REASON = "the recipient was erased"

Pseudonym = Callable[[str], str]


def hidden(pseudonym: Pseudonym, key: str) -> str:
    """The key under which an erased address is still suppressed."""
    return PREFIX + pseudonym(key)


@implementer(IErasure)
class Erasures:
    """Erasing, and the receipts of it."""

    def __init__(self, writer: Writer, reader: Reader, pseudonym: Pseudonym, names: Callable[[], str]) -> None:
        self._writer = writer
        self._reader = reader
        self._pseudonym = pseudonym
        self._names = names

    def erase(self, account: str, key: str, address: str, now: int) -> Deferred[Receipt]:
        return Deferred.fromCoroutine(self._erase(account, key, address, now))

    async def _erase(self, account: str, key: str, address: str, now: int) -> Receipt:
        hash = hidden(self._pseudonym, key)
        person = _Person(account, key, address, hash, f"{hash.removeprefix(PREFIX)[:16]}@{ERASED}")
        counts: Counter[str] = Counter(await self._writer.ask(CALL, person.known))
        page = [""]
        while page:
            page = await self._reader.ask(LOOK_UP, lambda work, after=page[-1]: person.page(work, after))
            counts.update(await self._writer.ask(CALL, lambda work, page=page: person.forget(work, page, now)))
        after = ""
        while True:
            refused, after = await self._writer.ask(CALL, lambda work, after=after: person.forget_refusals(work, after))
            counts["refusals"] += refused
            if not after:
                break
        receipt = Receipt(self._names(), now, account, hash, dict(counts))
        await self._writer.ask(CALL, lambda work: _keep(work, receipt))
        return receipt

    def receipts(self, account: str = "") -> Deferred[Sequence[Receipt]]:
        statement = sa.select(erasures).order_by(erasures.c.id.desc())
        if account:
            statement = statement.where(erasures.c.account == account)
        return self._reader.ask(LOOK_UP, lambda work: [_receipt(row) for row in work.execute(statement)])


def _keep(work: Work, receipt: Receipt) -> None:
    values = {"id": receipt.id, "at": receipt.at, "account": receipt.account, "person": receipt.person}
    work.execute(sa.insert(erasures), {**values, "counts": json.dumps(receipt.counts)})


def _receipt(row: Any) -> Receipt:
    return Receipt(row.id, row.at, row.account, row.person, json.loads(row.counts))


class _Person:
    """Whom an account is to forget: `key` and `address` as they stand in rows, `hash` and `shown` in their place."""

    def __init__(self, account: str, key: str, address: str, hash: str, shown: str) -> None:
        self.account, self.key, self.hash, self.shown = account, key, hash, shown
        self._names = sorted({key, address}, key=len, reverse=True)

    def veil(self, text: str) -> str:
        """A text without the address."""
        for name in self._names:
            text = text.replace(name, self.shown)
        return text

    def known(self, work: Work) -> Counter[str]:
        """Hide a suppression, and forget that the mailbox was full."""
        if not work.execute(sa.select(accounts.c.id).where(accounts.c.id == self.account)).first():
            raise KeyError(self.account)
        of = sa.and_(suppressions.c.account == self.account, suppressions.c.key == self.key)
        row = work.execute(sa.select(suppressions).where(of)).first()
        if row is not None:
            names = tuple(column.name for column in suppressions.c)
            work.execute(sa.delete(suppressions).where(of))
            values = {**row._mapping, "key": self.hash, "address": self.shown}
            work.execute(work.upsert(suppressions, names), values)
        full = sa.and_(full_mailboxes.c.account == self.account, full_mailboxes.c.key == self.key)
        work.execute(sa.delete(full_mailboxes).where(full))
        return Counter(suppressions=int(row is not None))

    def page(self, work: Work, after: str) -> list[str]:
        """The next recipients that are this person, in the order of their ids."""
        columns = recipients.c
        of = sa.and_(columns.account == self.account, columns.key == self.key, columns.id > after)
        return list(work.execute(sa.select(columns.id).where(of).order_by(columns.id).limit(BULK)).scalars())

    def forget(self, work: Work, page: Sequence[str], now: int) -> Counter[str]:
        """Everything that these recipients' rows tell; those in hand are left as they are."""
        waiting = facts_of(work, recipients.c.id.in_(page), PENDING, recipients.c.lease == "")
        counts = Counter(ended=end(work, waiting, State.FAILED, REASON, now))
        columns = recipients.c
        statement = sa.select(columns.id, columns.message, columns.last_reply)
        found = work.execute(statement.where(columns.id.in_(page), columns.state.in_(FINAL))).all()
        ids = [row.id for row in found]
        counts.update(recipients=len(ids), in_flight=len(page) - len(ids))
        for row in found:
            changes = {"address": self.shown, "key": self.hash, "name": "", "last_reply": self.veil(row.last_reply)}
            work.execute(sa.update(recipients).where(columns.id == row.id).values(changes))
        work.execute(sa.delete(keyed).where(keyed.c.id.in_(ids)))
        counts.update(attempts=self._attempts(work, ids), acts=self._acts(work, ids))
        counts.update(self._messages(work, {row.message for row in found}))
        return counts

    def _attempts(self, work: Work, ids: Sequence[str]) -> int:
        columns = attempts.c
        found = work.execute(sa.select(attempts).where(columns.recipient.in_(ids))).all()
        for row in found:
            changes = {"reply": self.veil(row.reply), "facts": self.veil(row.facts), "transcript": ""}
            of = sa.and_(columns.recipient == row.recipient, columns.number == row.number)
            work.execute(sa.update(attempts).where(of).values(changes))
        return len(found)

    def _acts(self, work: Work, ids: Sequence[str]) -> int:
        made = sa.update(engagements).where(engagements.c.recipient.in_(ids)).values(address="", agent="", target="")
        return work.execute(made).rowcount

    def _messages(self, work: Work, ids: set[str]) -> Counter[str]:
        """Their decisions; their sources, unless others wait for them; and what was said of them for nobody else."""
        columns = messages.c
        others = sa.exists().where(recipients.c.message == columns.id, recipients.c.key != self.hash)
        waiting = sa.exists().where(recipients.c.message == columns.id, PENDING)
        counts: Counter[str] = Counter()
        said = (columns.subject, columns.client_ref, columns.metadata)
        statement = sa.select(columns.id, columns.verdicts, *said, others.label("others"), waiting.label("waiting"))
        for row in work.execute(statement.where(columns.id.in_(ids))).all():
            changes: dict[str, object] = {"verdicts": self.veil(row.verdicts)}
            changes |= {each.name: self.veil(row._mapping[each.name]) if row.others else "" for each in said}
            if not row.waiting:
                changes["source"] = None
                work.execute(sa.delete(chunks).where(chunks.c.message == row.id))
            work.execute(sa.update(messages).where(columns.id == row.id).values(changes))
            counts.update(messages=1, bodies=int(not row.waiting), bodies_waiting=int(row.waiting))
        return counts

    def forget_refusals(self, work: Work, after: str) -> tuple[int, str]:
        """What was not accepted: how many told of the person, and where to go on, "" at the end."""
        columns = refusals.c
        of = sa.and_(columns.account == self.account, columns.id > after)
        page = work.execute(sa.select(columns.id, columns.verdicts).where(of).order_by(columns.id).limit(BULK)).all()
        told = [(row.id, text) for row in page if (text := self.veil(row.verdicts)) != row.verdicts]
        for id, text in told:
            work.execute(sa.update(refusals).where(columns.id == id).values(verdicts=text))
        return len(told), page[-1].id if len(page) == BULK else ""
