"""The sandbox as a newcomer meets it: one command, a sign that it is ready, and an end without traces."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailrelay import __version__

from .daemon import START, STOP, Sandbox, Shop, eventually, letter, send

GROUPS = {
    "standard": {"587": 587, "25": 25, "465": 465},
    "emailmassivo": {"587": 1587, "25": 1025, "465": 1465},
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def listening(pid: int) -> Iterator[tuple[str, int]]:
    """Address and port of every TCP socket on which a process listens."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            (
                _,
                local,
                _,
                state,
                *_,
            ) = fields = row.split()
            if state == "0A" and f"socket:[{fields[9]}]" in own:
                address, port = local.split(":")
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                yield socket.inet_ntop(family, b"".join(words)), int(port, 16)


def test_first_start(own_sandbox: Sandbox) -> None:
    """A first start takes less than ten seconds, and prints for people what it says to programs."""
    begun = time.monotonic()
    own_sandbox.start()
    assert time.monotonic() - begun < START
    said = eventually(lambda: own_sandbox.said() if "Send a mail:" in own_sandbox.said() else "")
    facts = own_sandbox.facts
    for fact in (facts["http"], facts["api_token"], facts["ca"]):
        assert fact in said
    for card in facts["connections"]:
        for fact in (card["username"], card["password"], card["mail_from"], *map(str, card["ports"].values())):
            assert fact in said


def test_the_line_to_paste(sandbox: Sandbox) -> None:
    """The line that the sandbox prints sends a mail, which arrives."""
    said = eventually(lambda: sandbox.said() if "Send a mail:" in sandbox.said() else "")
    line = said.partition("Send a mail:\n")[2].splitlines()[0].strip()
    ended = subprocess.run(
        ["bash", "-c", line], cwd=sandbox.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 0, (line, ended.stderr)
    assert sandbox.inbox("you@example.net")


def test_ready_json(sandbox: Sandbox) -> None:
    """The sign has the keys that programs rely on, is its owner's alone, and names the daemon's process and ports."""
    facts = sandbox.facts
    assert mode(sandbox.sign) == 0o600
    assert facts.keys() >= {"pid", "version", "state", "ca", "http", "api_token", "connections"}
    assert sandbox.process is not None and facts["pid"] == sandbox.process.pid
    assert facts["version"] == __version__
    assert Path(facts["state"]) == sandbox.state
    assert Path(facts["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert facts["http"] == f"http://127.0.0.1:{sandbox.base_port + 8080}"
    cards = {card["dialect"]: card for card in facts["connections"]}
    assert cards.keys() >= GROUPS.keys()
    for dialect, offsets in GROUPS.items():
        card, ports = cards[dialect], {name: sandbox.base_port + offset for name, offset in offsets.items()}
        assert card["host"] == "127.0.0.1"
        assert card["ports"] == ports
        assert card["starttls"] == card["plain"] == [ports["587"], ports["25"]]
        assert card["tls"] == [ports["465"]]
        assert all(card[key] for key in ("name", "username", "password", "mail_from", "unverified_from"))
    assert cards["standard"]["template"] == "greeting"
    assert "template" not in cards["emailmassivo"], "its messages cannot name one"


def test_furniture(sandbox: Sandbox) -> None:
    """Each dialect has an account with balance, two domains, one verified, and an active connection without a rate
    whose addresses hold loopback."""
    for dialect in GROUPS:
        card = sandbox.card(dialect)
        (connection,) = sandbox.cli("connection", "list", "--account", dialect)
        assert connection["name"] == card["name"] and connection["status"] == "active" and connection["rate"] == 0
        assert "127.0.0.0/8" in connection["networks"] and "::1/128" in connection["networks"]
        domains = {each["domain"]: each["status"] for each in sandbox.cli("domain", "list", "--account", dialect)}
        assert domains[card["mail_from"].rpartition("@")[2]] == "verified"
        assert domains[card["unverified_from"].rpartition("@")[2]] not in ("verified", "")
        assert sandbox.cli("balance", "show", dialect)["available"] > 0


def test_what_it_keeps_is_its_owners(sandbox: Sandbox) -> None:
    """Neither the state folder nor anything in it can be read by others, and no draft of a file is left."""
    assert mode(sandbox.state) == 0o700
    for path in sandbox.state.rglob("*"):
        assert not mode(path) & 0o077, path
    names = {path.name for path in sandbox.state.iterdir()}
    assert not [name for name in names if name.startswith(".") or name.endswith((".tmp", ".new"))]


def test_loopback_only(sandbox: Sandbox) -> None:
    """Every port on which the sandbox listens is on loopback."""
    found = {port: address for address, port in listening(sandbox.facts["pid"])}
    assert set(found.values()) == {"127.0.0.1"}
    named = {port for card in sandbox.facts["connections"] for port in card["ports"].values()}
    assert found.keys() >= named | {sandbox.base_port + 8080}


def test_second_start(sandbox: Sandbox, shop: Shop) -> None:
    """A second start on the same state keeps credentials, token, certificate, settings and mail."""
    sandbox.submit(shop, ["kept@example.net"])
    before, kept, ca = sandbox.facts, sandbox.inbox("kept@example.net"), Path(sandbox.facts["ca"]).read_bytes()
    source = sandbox.received("kept@example.net")
    sandbox.cli("balance", "set", shop.account, "77")
    sandbox.restart()
    after = sandbox.facts
    assert {key: after[key] for key in before if key != "pid"} == {key: before[key] for key in before if key != "pid"}
    assert Path(after["ca"]).read_bytes() == ca
    assert sandbox.arrived("kept@example.net") == kept and sandbox.received("kept@example.net") == source
    assert sandbox.available(shop) == 77
    sandbox.submit(shop, ["again@example.net"])
    sandbox.inbox("again@example.net")


def test_the_sign_comes_and_goes(sandbox: Sandbox) -> None:
    """The sign is gone after a stop; an old one is gone before a start that cannot bind says so."""
    sandbox.stop()
    assert not sandbox.sign.exists()
    sandbox.sign.write_text(json.dumps({"pid": 1}))
    with socket.create_server(("127.0.0.1", sandbox.base_port + 1587)):
        status, lines = sandbox.refused()
    assert status != 0
    assert lines == [f"mailrelay: cannot listen on 127.0.0.1:{sandbox.base_port + 1587}: Address already in use"]
    assert not sandbox.sign.exists()


def test_each_taken_port(own_sandbox: Sandbox) -> None:
    """Whichever port is taken, the start fails with one line that names it, and a status that is not 0."""
    for offset in (25, 1465, 8080):
        port = own_sandbox.base_port + offset
        with socket.create_server(("127.0.0.1", port)):
            status, lines = own_sandbox.refused()
        assert status != 0
        assert len(lines) == 1 and str(port) in lines[0], lines


def test_a_stop_under_way(sandbox: Sandbox, shop: Shop) -> None:
    """SIGTERM ends it within ten seconds with status 0, also while a next hop keeps it waiting; the sign goes at once,
    and the mail under way is neither lost nor sent twice."""
    id = sandbox.submit(shop, ["slow@example.net"])
    eventually(lambda: any(each["leased"] for each in sandbox.history(id).values()), what="a delivery under way")
    assert sandbox.process is not None
    begun = time.monotonic()
    sandbox.process.terminate()
    eventually(lambda: not sandbox.sign.exists(), 1, "the sign's end")
    assert sandbox.stop() < STOP and time.monotonic() - begun < STOP
    sandbox.start()
    (passage,) = sandbox.settled(id).values()
    assert passage["state"] == "delivered"
    assert len(sandbox.inbox("slow@example.net")) == 1


def test_a_stop_with_clients_on_the_line(sandbox: Sandbox, shop: Shop) -> None:
    """Clients who only sit there are told 421 when it stops, and do not hold it up."""
    with sandbox.smtp(shop) as idle, socket.create_connection(("127.0.0.1", sandbox.port())) as mute:
        assert mute.recv(1000).startswith(b"220 ")
        took = sandbox.stop()
        assert took < STOP / 2, took
        assert mute.recv(1000) == b"421 4.4.5 Server is temporarily unavailable\r\n"
        assert idle.getreply() == (421, b"4.4.5 Server is temporarily unavailable")


def test_interrupt(own_sandbox: Sandbox) -> None:
    """Ctrl-C ends it as well as SIGTERM does; SIGHUP does not end it."""
    own_sandbox.start()
    process = own_sandbox.process
    assert process is not None
    process.send_signal(1)
    process.send_signal(2)
    assert process.wait(STOP) == 0
    assert not own_sandbox.sign.exists()


def test_api(sandbox: Sandbox, shop: Shop) -> None:
    """The sink's mail is listed newest first with what stood on the wire; only who shows the token sees it."""
    source = letter(shop, "first")
    with sandbox.smtp(shop) as client:
        send(client, shop.mail_from, ["api@example.net"], source)
        eventually(lambda: sandbox.arrived("api@example.net"))  # within two seconds of the 250
        send(client, shop.mail_from, ["API@example.net"], letter(shop, "second"))
    second, first = sandbox.inbox("api@example.net", 2)
    assert (first["subject"], second["subject"]) == ("first", "second")
    assert first["rcpt_to"] == "api@example.net" and "@" in first["mail_from"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", first["received_at"])
    assert first["size"] == len(sandbox.source(first))
    assert len(sandbox.get("/api/v1/sandbox/messages", limit=1)) == 1
    assert [each["id"] for each in sandbox.get("/api/v1/sandbox/messages", since=first["id"])] == [second["id"]]
    for path in ("/api/v1/sandbox/messages", f"/api/v1/sandbox/messages/{first['id']}.eml", "/api/v1/messages"):
        for token in ("", "no"):
            assert sandbox.request(path, token=token)[0] == 401, path
    assert sandbox.request("/api/v1/sandbox/messages", "DELETE", token="")[0] == 401
    assert sandbox.request("/api/v1/sandbox/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV.eml")[0] == 404
    assert sandbox.request("/api/v1/sandbox/messages/nothing.eml")[0] == 404
    assert sandbox.request("/api/v1/messages?id=01ARZ3NDEKTSV4RRFFQ69G5FAV")[0] == 404
    assert sandbox.request("/api/v1/sandbox/messages", "DELETE") == (204, b"")
    assert sandbox.get("/api/v1/sandbox/messages") == []


def test_page(sandbox: Sandbox) -> None:
    """There is a page for people."""
    status, body = sandbox.request("/sandbox", token="")
    assert status in (200, 401) and b"<html" in body


def test_no_secret_in_the_log(sandbox: Sandbox, shop: Shop) -> None:
    """A shop's password is nowhere in the log, in clear or as AUTH carries it, whether it is right or wrong."""
    wrong: Any = None
    sandbox.submit(shop, ["quiet@example.net"])
    with sandbox.smtp() as client:
        client.ehlo()
        wrong = client.docmd("AUTH", f"PLAIN {shop.variables['wrong_plain']}")
    assert wrong[0] == 535
    said = sandbox.said()
    for secret in (shop.password, shop.variables["password_b64"], shop.variables["plain"], "not " + shop.password):
        assert secret not in said
