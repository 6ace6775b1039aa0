"""Policies of MTA-STS as senders keep them (RFC 8461 3.3, 5.1): asked for by DNS, fetched by HTTPS, remembered.

A policy that was fetched holds for as long as it says, whatever becomes of the record or the file: who can take them
away shall not take the policy away. It is fetched again when the record's id changes, and when half of its time or a
day has passed. What could not be fetched is not asked for again for five minutes. Forgotten at a restart; bounded.
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
from ..mail.encryption import INVALID_POLICY, NOT_FETCHED
from ..policy.sts import StsFault, StsPolicy, policy_id, read_policy

DOMAINS = 10_000  #: remembered
AGAIN = 300.0  #: seconds until a fetch that failed is tried again
DAY = 86_400.0

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
    """The policies; `seconds` reads a clock that never jumps."""

    def __init__(self, resolver: IResolver, https: IHttps, seconds: Callable[[], float]) -> None:
        self._resolver = resolver
        self._https = https
        self._seconds = seconds
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._failed: OrderedDict[str, tuple[str, Held, float]] = OrderedDict()
        self._asked: dict[str, list[Deferred[Held]]] = {}

    def of(self, domain: str) -> Deferred[Held]:
        """What is known of a domain's policy; never fails."""
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
        life = float(held.policy.max_age)
        _put(self._kept, domain, _Kept(id, held, now + life, now + min(life / 2, DAY)))
        return held

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


def _put(kept: OrderedDict[str, T], domain: str, value: T) -> None:
    kept[domain] = value
    kept.move_to_end(domain)
    if len(kept) > DOMAINS:
        kept.popitem(last=False)
