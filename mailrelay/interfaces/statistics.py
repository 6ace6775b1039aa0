"""What the use cases (`manage`) need to count: how many recipients came to what, over a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

#: How often something was counted, by the words of `policy.statistics.COUNTS`.
Counted = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Counters from `since` up to but without `until`, microseconds since 1970, in which local time is `offset`
    microseconds ahead of UTC. Instants are on quarter hours."""

    since: int
    until: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Counting:
    """What is counted: recipients accepted by these connections (ids) in the stretches, those of one `tag` (None for
    any, "" for none) or of one `domain` ("" for any). Not of both."""

    connections: tuple[str, ...]
    stretches: Sequence[Stretch]
    tag: str | None = None
    domain: str = ""


class IStatistics(Interface):
    """Counters, which are moved in the commit that changes what they count: nothing here scans the history.

    By domain and by provider they are kept by the hour, so that a stretch that begins within one begins with all of it.
    """

    def totals(counting: Counting) -> Deferred[Counted]:
        """All in one."""

    def by_time(counting: Counting, step: int) -> Deferred[Mapping[int, Counted]]:
        """By steps of so many microseconds of local time; the keys are numbers of steps since 1970 in local time."""

    def by_tag(counting: Counting) -> Deferred[Mapping[str, Counted]]:
        """By the tag of the message, "" for none; `domain` must be ""."""

    def by_domain(counting: Counting) -> Deferred[Mapping[str, Counted]]:
        """By the recipient's domain; `tag` must be None."""

    def by_provider(counting: Counting) -> Deferred[Mapping[str, Counted]]:
        """By the provider whose host was asked last, "" for none: recipients at their end, by their states, and
        `policy.statistics.DEFERRALS`; `tag` must be None and `domain` ""."""

    def durations(counting: Counting) -> Deferred[Mapping[str, Mapping[int, int]]]:
        """How long deliveries took: a histogram for each part (`policy.duration`), kept by the hour; `tag` must be None
        and `domain` ""."""

    def by_connection(counting: Counting) -> Deferred[Mapping[str, Counted]]:
        """By the id of the connection."""
