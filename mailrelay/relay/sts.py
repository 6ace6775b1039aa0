"""Policies of MTA-STS as senders keep them (RFC 8461 3.3, 5.1): asked for by DNS, fetched by HTTPS, remembered.

A policy that was fetched holds for as long as it says, whatever becomes of the record or the file: who can take them
away shall not take the policy away. It is fetched again when the record's id changes, and when half of its time or a
day has passed, also when there is no mail for the domain, for as long as there was some in the last weeks (RFC 8461
10.2). What could not be fetched is not asked for again for five minutes. Policies outlast a restart; bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..interfaces.https import HttpsFailure, IHttps
from ..interfaces.resolver import IResolver, ResolverFailure
from ..interfaces.sts import IStsMemory, KeptPolicy
from ..mail.encryption import INVALID_POLICY, NOT_FETCHED
from ..mail.envelope import SECOND
from ..policy.sts import StsFault, StsPolicy, policy_id, read_policy

DOMAINS = 10_000  #: remembered
AGAIN = 300.0  #: seconds until a fetch that failed is tried again
DAY = 86_400.0
UNUSED = 30 * DAY  #: seconds without mail after which a policy is not refreshed any more
REFRESHED = 100  #: policies that are fetched again in one turn

T = TypeVar("T")

log = Logger()


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a domain: its policy, None for none; and the fault (RFC 8460) that kept it away, or ""."""

    policy: StsPolicy | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    id: str
    held: Held
    until: float
    refresh: float


class StsPolicies:
    """The policies; `seconds` reads a clock that never jumps, `now` the wall clock in microseconds, by which policies
    are kept in `memory`."""

    def __init__(
        self,
        resolver: IResolver,
        https: IHttps,
        seconds: Callable[[], float],
        memory: IStsMemory,
        now: Callable[[], int],
    ) -> None:
        self._resolver = resolver
        self._https = https
        self._seconds = seconds
        self._memory = memory
        self._now = now
        self._used: dict[str, float] = {}
        self._behind = ""
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._failed: OrderedDict[str, tuple[str, Held, float]] = OrderedDict()
        self._asked: dict[str, list[Deferred[Held]]] = {}

    async def remember(self) -> None:
        """Take up the policies that were kept before a restart, for what is left of their time."""
        wall, now = self._now(), self._seconds()
        for kept in reversed(await self._memory.every(wall, DOMAINS)):
            try:
                held = Held(read_policy(kept.text))
            except StsFault:
                continue
            assert held.policy is not None
            # a clock that was set back makes no policy hold for longer than it says
            until = now + min((kept.until - wall) / SECOND, held.policy.max_age)
            refresh = now + (kept.fetched_at - wall) / SECOND + _fresh(held.policy)
            _put(self._kept, kept.domain, _Kept(kept.id, held, until, refresh))
            self._used[kept.domain] = now

    async def refresh(self) -> None:
        """A chore: fetch again what is to be, and forget what is over."""
        now = self._seconds()
        await self._memory.forget(self._now())
        self._used = {domain: at for domain, at in self._used.items() if domain in self._kept}
        due = sorted(domain for domain, kept in self._kept.items() if kept.refresh <= now)
        wanted = [domain for domain in due if now - self._used.get(domain, now) < UNUSED]
        # on from where the last turn ended: domains that do not answer hold the others up no longer than a turn
        turn = ([domain for domain in wanted if domain > self._behind] or wanted)[:REFRESHED]
        self._behind = turn[-1] if turn else ""
        for domain in turn:
            await self._asked_for(domain)

    def of(self, domain: str) -> Deferred[Held]:
        """What is known of a domain's policy; never fails."""
        if domain in self._kept:
            self._used[domain] = self._seconds()
        return self._asked_for(domain)

    def _asked_for(self, domain: str) -> Deferred[Held]:
        waiting = self._asked.get(domain)
        answer: Deferred[Held] = Deferred()
        if waiting is not None:
            waiting.append(answer)
            return answer
        finding = Deferred.fromCoroutine(self._find(domain))
        if finding.called:
            return finding.addErrback(self._broken, domain)
        self._asked[domain] = [answer]
        finding.addErrback(self._broken, domain).addCallback(self._tell, domain)
        return answer

    def _broken(self, failure: object, domain: str) -> Held:
        log.failure("the MTA-STS policy of {domain} could not be found", failure, domain=domain)  # type: ignore[arg-type]
        return Held()

    def _tell(self, held: Held, domain: str) -> None:
        for waiting in self._asked.pop(domain):
            waiting.callback(held)

    async def _find(self, domain: str) -> Held:
        now = self._seconds()
        kept = self._kept.get(domain)
        if kept is not None and kept.until <= now:
            del self._kept[domain]
            kept = None
        id = await self._id(domain)
        if not id or (kept is not None and id == kept.id and now < kept.refresh):
            return kept.held if kept is not None else Held()
        failed = self._failed.get(domain)
        if failed is not None and failed[0] == id and now < failed[2]:
            return kept.held if kept is not None else failed[1]
        held = await self._fetch(domain)
        now = self._seconds()
        if held.policy is None:
            _put(self._failed, domain, (id, held, now + AGAIN))
            return kept.held if kept is not None else held
        policy = held.policy
        _put(self._kept, domain, _Kept(id, held, now + policy.max_age, now + _fresh(policy)))
        self._used.setdefault(domain, now)
        await self._keep(domain, id, policy)
        return held

    async def _keep(self, domain: str, id: str, policy: StsPolicy) -> None:
        """Write a policy down; one that cannot be written holds until the next restart."""
        at = self._now()
        try:
            text = "\n".join(policy.lines)
            await self._memory.put(KeptPolicy(domain, id, text, at, at + policy.max_age * SECOND))
        except Exception:
            log.failure("the MTA-STS policy of {domain} could not be written down", domain=domain)

    async def _id(self, domain: str) -> str:
        """The id of the record, "" where there is none or nobody knows."""
        try:
            answer = await self._resolver.resolve(f"_mta-sts.{domain}", "TXT")
        except ResolverFailure:
            return ""
        return policy_id(answer.records)

    async def _fetch(self, domain: str) -> Held:
        try:
            return Held(read_policy(await self._https.get(f"https://mta-sts.{domain}/.well-known/mta-sts.txt")))
        except HttpsFailure as error:
            log.info("the MTA-STS policy of {domain} was not fetched: {reason}", domain=domain, reason=str(error))
            return Held(fault=NOT_FETCHED)
        except StsFault as error:
            log.info("the MTA-STS policy of {domain} cannot be read: {reason}", domain=domain, reason=str(error))
            return Held(fault=INVALID_POLICY)


def _fresh(policy: StsPolicy) -> float:
    """For how many seconds a policy is not fetched again."""
    return min(policy.max_age / 2, DAY)


def _put(kept: OrderedDict[str, T], domain: str, value: T) -> None:
    kept[domain] = value
    kept.move_to_end(domain)
    if len(kept) > DOMAINS:
        kept.popitem(last=False)
