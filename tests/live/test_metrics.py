"""Figures and health of a real daemon, over its own port."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from mailrelay.manage.measures import MEASURES

from .daemon import Shop, eventually, free_port, letter, send
from .installation import Installation


class Watched(Installation):
    """With a port of figures."""

    def __init__(self, folder: Path) -> None:
        self.metrics = free_port()
        super().__init__(folder, f"\n[http]\nmetrics_port = {self.metrics}\n\n[delivery]\nsign = false\n")
        self.cli("account", "create", "acme", "--balance", "10")
        self.cli("domain", "add", "acme.test", "--account", "acme", "--verified")
        given = ["--dialect", "standard", "--sender", "app@acme.test", "--active"]
        issued = self.cli("connection", "create", "app", *given)
        self.shop = Shop(
            "acme", "app", "acme.test", "app@acme.test", issued["username"], issued["password"], "standard"
        )

    def get(self, path: str) -> tuple[int, str]:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        try:
            with urlopen(Request(f"http://127.0.0.1:{self.metrics}{path}", headers=accept), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def figures(self) -> dict[tuple[str, ...], float]:
        """Every value by its name and the values of its labels, sorted by their names; two seconds old at most."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return {
            (sample.name, *dict(sorted(sample.labels.items())).values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    daemon = Watched(tmp_path_factory.mktemp("watched"))
    try:
        daemon.start()
        yield daemon
        daemon.assert_sound()
    finally:
        daemon.end()


def test_what_happened_is_told(watched: Watched) -> None:
    """A message, a refusal and a failed login are counted where they happened; what the host refused waits, with its
    age; and every figure of the table is there but those of parts that this daemon does not have."""
    eventually(lambda: watched.get("/readyz") == (200, "ready\n"))
    with watched.smtp(watched.shop) as client:
        send(client, "app@acme.test", ["bob@b.test"], letter(watched.shop))
        assert client.mail("app@other.test")[0] == 550
    assert_login_fails(watched)

    def told() -> bool:
        found = watched.figures()
        return bool(found.get(("mailrelay_deliveries_total", "deferred", "others")))

    eventually(told, what="a deferral among the figures")
    found = watched.figures()
    assert found["mailrelay_messages_accepted_total", "standard", "submission"] == 1
    assert found["mailrelay_replies_refused_total", "5xx", "standard", "submission", "domain_unknown"] == 1
    # smtplib tries both mechanisms
    assert found["mailrelay_login_failures_total", "submission"] == 2
    assert found["mailrelay_queue_recipients", "deferred"] == 1
    assert found["mailrelay_queue_oldest_seconds",] > 0
    assert found["mailrelay_commit_seconds_count",] == found["mailrelay_commit_jobs_count",] > 0
    assert found["mailrelay_disk_free_bytes",] > found["mailrelay_disk_floor_bytes",]
    assert found["mailrelay_ready",] == 1
    names = {name for name, *_ in found}
    absent = {each.name for each in MEASURES.values() if not names.issuperset(each.series)}
    assert absent == {"mailrelay_redis_up", "mailrelay_secured"}


def assert_login_fails(watched: Watched) -> None:
    """A wrong password."""
    client = smtplib.SMTP("127.0.0.1", watched.port, "localhost", timeout=20)
    with client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(watched.shop.username, "wrong")


def test_paused_is_not_ready(watched: Watched) -> None:
    """Whoever balances load is told that no mail is taken here, and when that is over."""
    watched.cli("pause")
    eventually(lambda: watched.get("/readyz") == (503, "paused\n"), what="a pause")
    assert watched.get("/healthz") == (200, "ok\n")
    watched.cli("resume")
    eventually(lambda: watched.get("/readyz") == (200, "ready\n"), what="the end of a pause")


def test_a_drain_can_be_watched(watched: Watched) -> None:
    """Told to stop, it says so for as long as a transaction that has begun takes; the message of that one is kept."""
    client = watched.smtp(watched.shop)
    client.mail("app@acme.test")
    client.rcpt("drain@b.test")
    assert watched.process is not None
    watched.process.terminate()
    eventually(lambda: watched.get("/readyz") == (503, "stopping\n"), what="the beginning of a stop")
    assert watched.get("/healthz") == (200, "ok\n")
    assert watched.figures()["mailrelay_ready",] == 0
    assert client.data(letter(watched.shop))[0] == 250
    client.close()
    assert watched.process.wait(20) == 0
    watched.start()
    eventually(lambda: watched.get("/readyz") == (200, "ready\n"), what="a start")
