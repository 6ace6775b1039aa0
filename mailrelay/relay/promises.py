"""What a domain promises of TLS at its mail hosts, and what follows for each hop: DANE before MTA-STS.

DANE counts only where the resolver validates, and the answers that led to the host and to its records were
authenticated (RFC 7672 2.2); of a host that is an alias the records at its end count, else its own (2.2.3). A host
whose records cannot be looked up is left out, since whoever cuts them off must gain nothing; records that cannot be
used still ask for TLS; other hosts are held to the domain's MTA-STS policy, where it has one. A route that verifies
already, or never encrypts, is left as it is. It never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred

from ..interfaces.resolver import IResolver, ResolverFailure
from ..mail.encryption import FAILED, INVALID_DNSSEC, INVALID_TLSA, TlsPolicy
from ..mail.envelope import Hop
from ..mail.reply import Reply
from ..policy.dane import shown, usable
from ..policy.sts import StsPolicy
from .sts import Held, StsPolicies

Told = Callable[[Hop, str, str], None]

_NOTHING = Held()
_NO_ALIAS: Mapping[str, str] = {}


class Promises:
    """Holds hops to what was promised. `sts` is None where no policies are asked for; `validates` says that the
    resolver does; `told` hears of hosts that were left out, as of sessions (hop, fault by RFC 8460, words)."""

    def __init__(self, resolver: IResolver, sts: StsPolicies | None, validates: bool, told: Told) -> None:
        self._resolver = resolver
        self._sts = sts
        self._validates = validates
        self._told = told

    async def hold(
        self, domain: str, way: Sequence[Hop], authentic: Mapping[str, bool], ends: Mapping[str, str] = _NO_ALIAS
    ) -> Sequence[Hop] | Reply:
        """The hops of a way, held to what was promised; those that break it are left out, and a reply says so when none
        is left. `authentic` tells of each IP address whether DNS proved the whole way to it, `ends` of each host
        that is an alias the name at its end."""
        if way[0].tls not in ("may", "require"):
            return way
        asked = {
            hop.host: self._records(hop, ends.get(hop.host, ""))
            for hop in way
            if self._validates and authentic.get(hop.address)
        }
        held = await self._sts.of(domain) if self._sts is not None else _NOTHING
        kept: list[Hop] = []
        reasons: list[str] = []
        records = {host: await answer for host, answer in asked.items()}
        for hop in way:
            reason = ""
            found = records.get(hop.host, ())
            if isinstance(found, str):
                reason = f"TLSA records of {hop.host} could not be looked up: {found}"
                self._told(replace(hop, promise=TlsPolicy("tlsa", domain, (), (hop.host,))), INVALID_DNSSEC, found)
            elif found:
                hop = _by_dane(hop, domain, found, ends.get(hop.host, ""))
            if not reason and hop.tls != "dane":
                hop, reason = self._by_sts(hop, domain, held)
            if reason:
                reasons.append(reason)
            else:
                kept.append(hop)
        return kept or Reply(451, "4.7.5", "; ".join(dict.fromkeys(reasons)))

    def _by_sts(self, hop: Hop, domain: str, held: Held) -> tuple[Hop, str]:
        policy = held.policy
        if policy is None or policy.mode == "none":
            if hop.promise is None:
                hop = replace(
                    hop, promise=TlsPolicy("sts" if held.fault else "no-policy-found", domain, fault=held.fault)
                )
            return hop, ""
        promise = _told_as(policy, domain)
        well = policy.takes(hop.host)
        if policy.mode == "testing":
            return replace(hop, promise=replace(promise, fault="" if well else FAILED)), ""
        if not well:
            reason = f"{hop.host} is not among the hosts of the MTA-STS policy of {domain}"
            self._told(replace(hop, promise=promise), FAILED, reason)
            return hop, reason
        return replace(hop, tls="sts", promise=promise), ""

    def _records(self, hop: Hop, end: str) -> Deferred[Sequence[object] | str]:
        return Deferred.fromCoroutine(self._look_up_in_turn([end, hop.host] if end else [hop.host], hop.port))

    async def _look_up_in_turn(self, hosts: Sequence[str], port: int) -> Sequence[object] | str:
        found: Sequence[object] | str = ()
        for host in hosts:
            found = await self._look_up(f"_{port}._tcp.{host}")
            if found:
                break
        return found

    async def _look_up(self, name: str) -> Sequence[object] | str:
        """The authenticated TLSA records of a name, none, or why nobody knows."""
        try:
            answer = await self._resolver.resolve(name, "TLSA")
        except ResolverFailure as failure:
            return str(failure)
        if not answer.known:
            return answer.rcode
        return answer.records if answer.authenticated else ()


def _by_dane(hop: Hop, domain: str, found: Sequence[object], end: str) -> Hop:
    fitting = usable(found)
    strings = tuple(shown(record) for record in found)  # type: ignore[arg-type]
    promise = TlsPolicy("tlsa", domain, strings, (hop.host,), fault="" if fitting else INVALID_TLSA)
    if not fitting:
        return replace(hop, tls="require", promise=promise)
    return replace(hop, tls="dane", tlsa=fitting, names=(*([end] if end else []), hop.host, domain), promise=promise)


def _told_as(policy: StsPolicy, domain: str) -> TlsPolicy:
    return TlsPolicy("sts", domain, policy.lines, policy.mx, testing=policy.mode == "testing")
