"""``/metrics``, ``/healthz`` and ``/readyz`` on a port of their own, for Prometheus and whoever balances load.

The figures are read when they are asked for (`manage.measures` names them) and written by prometheus-client, as
OpenMetrics where the caller takes that. One reading serves all who ask within `KEPT` seconds, so that nobody can have
the store counted over and over. It knows nothing of what it tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ..manage.measures import MEASURES, Measure, Reading, Spread
from .front import IDLE, BoundedRequest, QuietSite
from .health import Obstacles, Page, health, readiness
from .problem import Problem

KEPT = 2.0  #: seconds

#: Reads all figures.
Read = Callable[[], Awaitable[Sequence[Reading]]]


@dataclass(frozen=True, slots=True)
class _Collected:
    """What prometheus-client asks a registry for."""

    readings: Sequence[Reading]

    def collect(self) -> Iterator[Any]:
        grouped: dict[str, list[Reading]] = {name: [] for name in MEASURES}
        for reading in self.readings:
            grouped[reading.measure].append(reading)
        for name, found in grouped.items():
            if found:
                yield _family(MEASURES[name], found)


def _family(measure: Measure, readings: Iterable[Reading]) -> Any:
    labels = measure.labels
    if measure.kind == "info":
        info = InfoMetricFamily(measure.name, measure.help)
        for each in readings:
            info.add_metric((), dict(zip(labels, each.labels, strict=True)))
        return info
    family: Any = _FAMILIES[measure.kind](measure.name, measure.help, labels=labels)
    for each in readings:
        if isinstance(each.value, Spread):
            family.add_metric(each.labels, buckets=_buckets(each.value), sum_value=each.value.sum)
        else:
            family.add_metric(each.labels, each.value)
    return family


_FAMILIES = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}


def _buckets(spread: Spread) -> list[tuple[str, float]]:
    """Each upper bound with how many values do not pass it."""
    below, found = 0, []
    for bound, count in zip((*map(str, map(float, spread.bounds)), "+Inf"), spread.counts, strict=True):
        below += count
        found.append((bound, float(below)))
    return found


def exposition(readings: Sequence[Reading], accept: str = "") -> tuple[bytes, str]:
    """The figures in the form that a caller accepts, and its media type."""
    encode, media_type = choose_encoder(accept)
    octets: bytes = encode(_Collected(readings))
    return octets, media_type


class _Figures:
    """Reads once for all who ask within a while."""

    def __init__(self, read: Read, clock: IReactorTime) -> None:
        self._read = read
        self._clock = clock
        self._at = -KEPT
        self._known: Sequence[Reading] = ()

    async def make(self, request: Request) -> bytes:
        if self._clock.seconds() - self._at >= KEPT:
            self._known = await self._read()
            self._at = self._clock.seconds()
        accept = (request.getHeader(b"Accept") or b"").decode("ascii", "replace")
        octets, media_type = exposition(self._known, accept)
        request.setHeader(b"Content-Type", media_type.encode("ascii"))
        return octets


class _Root(Resource):
    """Everything that there is, by its path."""

    isLeaf = True

    def __init__(self, pages: Mapping[bytes, Page]) -> None:
        super().__init__()
        self._pages = pages

    def render(self, request: Request) -> bytes | int:
        page = self._pages.get(request.path)
        if page is None:
            return Problem(404).answer(request)
        if request.method not in (b"GET", b"HEAD"):
            return Problem(405, headers={"Allow": "GET, HEAD"}).answer(request)
        return page.render_GET(request)


def make_metrics_site(read: Read, obstacles: Obstacles, clock: IReactorTime) -> Site:
    """The factory of the port of figures; it asks nobody who they are, so its address is for those who may know."""
    root = _Root(
        {
            b"/metrics": Page(_Figures(read, clock).make),
            b"/healthz": health(),
            b"/readyz": readiness(obstacles),
        }
    )
    return QuietSite(root, BoundedRequest, timeout=IDLE, reactor=clock)
