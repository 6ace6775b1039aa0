"""What a daemon tells of itself to Prometheus: the name, kind, labels and meaning of every figure, as data.

Whoever reads the figures may give only these, the documentation is generated from here, and the alert rules and the
dashboard are tested against it. Figures of one process count since it began; a label has few values, none of them said
by a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram", "info"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: a counter's name goes without ``_total``, which is added on the way out."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which it is found in Prometheus."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{end}" for end in ("bucket", "count", "sum"))
        return (self.name + {"counter": "_total", "info": "_info"}.get(self.kind, ""),)


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram: one of `counts` for each of the upper `bounds` and one for what is above, and the sum of all."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a measure at this moment: `labels` in the order in which the measure names them."""

    measure: str
    value: float | Spread
    labels: tuple[str, ...] = ()


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        each.name: each
        for each in (
            Measure(
                "mailrelay_messages_accepted",
                "counter",
                "Messages that were answered 250 after their commit.",
                ("listener", "dialect"),
            ),
            Measure(
                "mailrelay_replies_refused",
                "counter",
                "Replies that refused something, by the class of their code (4xx or 5xx) and their key in the dialect.",
                ("listener", "dialect", "class", "reply"),
            ),
            Measure(
                "mailrelay_login_failures",
                "counter",
                "Logins that were refused or held back, by SMTP.",
                ("listener",),
            ),
            Measure(
                "mailrelay_deliveries",
                "counter",
                "Attempts, by what came of them (delivered, deferred, bounced) and the provider of the host.",
                ("outcome", "provider"),
            ),
            Measure(
                "mailrelay_secured",
                "counter",
                "Deliveries, by how the way to the host was secured (none: in the clear).",
                ("security",),
            ),
            Measure(
                "mailrelay_deferrals",
                "counter",
                "Attempts that were deferred, by the class of the reply (mailrelay bounce-class).",
                ("class",),
            ),
            Measure("mailrelay_queue_recipients", "gauge", "Recipients that wait, in the whole store.", ("state",)),
            Measure(
                "mailrelay_queue_oldest_seconds",
                "gauge",
                "Age of the oldest recipient that waits and is not held back, 0 while none does.",
            ),
            Measure("mailrelay_in_hand", "gauge", "Recipients that this process has leased."),
            Measure("mailrelay_connections_in", "gauge", "Clients on the line.", ("listener",)),
            Measure("mailrelay_connections_out", "gauge", "Connections to next hops."),
            Measure("mailrelay_commit_seconds", "histogram", "How long a COMMIT of the store took."),
            Measure("mailrelay_commit_jobs", "histogram", "How many jobs one commit took together."),
            Measure(
                "mailrelay_store_errors",
                "counter",
                "Trouble with the store: transactions that failed, commits of unknown outcome, jobs turned down.",
                ("kind",),
            ),
            Measure("mailrelay_webhooks", "gauge", "Webhooks, by their state (well, failing, disabled).", ("state",)),
            Measure(
                "mailrelay_webhook_lag_seconds",
                "gauge",
                "Age of the oldest event that an enabled webhook has still to be sent, 0 while there is none.",
            ),
            Measure(
                "mailrelay_redis_up",
                "gauge",
                "1 while Redis counts throttles and failed logins, 0 while this process does alone; absent without it.",
            ),
            Measure("mailrelay_disk_free_bytes", "gauge", "Room on the disk of the state."),
            Measure("mailrelay_disk_floor_bytes", "gauge", "Room below which no mail is taken."),
            Measure("mailrelay_paused", "gauge", "1 while mailrelay pause holds."),
            Measure("mailrelay_ready", "gauge", "1 while /readyz answers 200."),
            Measure("mailrelay_start_time_seconds", "gauge", "When the process began, in seconds since 1970."),
            Measure("mailrelay_build", "info", "Versions.", ("version", "python", "store")),
        )
    }
)


def table() -> str:
    """The table of the documentation, in Markdown."""
    rows = ["| name | kind | labels | meaning |", "|---|---|---|---|"]
    for each in MEASURES.values():
        names = ", ".join(f"`{name}`" for name in each.series)
        labels = ", ".join(f"`{label}`" for label in each.labels) or "–"
        rows.append(f"| {names} | {each.kind} | {labels} | {each.help} |")
    return "\n".join(rows) + "\n"
