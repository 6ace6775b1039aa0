"""Signatures judged by a second verifier, Debian's Mail::DKIM, and by receivers of what a daemon really sends."""

from __future__ import annotations

import base64
import email
import email.policy
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mailrelay.mail.dkim import ALGORITHMS, RSA, sign
from mailrelay.mail.envelope import SECOND
from mailrelay.mail.leaves import change_leaves
from mailrelay.mail.message import Message
from mailrelay.mail.rebuild import File, NoText, attach, in_utf8, one_text
from mailrelay.mail.wire import wire
from mailrelay.manage.signing import Record
from mailrelay.store.engine import Database

from ..mail.signatures import DOMAIN, letters, published, signers, verified
from .daemon import Daemon, Sandbox, Shop, eventually, letter

AT = 1_700_000_000 * SECOND
PROGRAM = Path(__file__).with_name("mail_dkim.pl")


def judged(folder: Path, zone: Iterable[object], messages: Iterable[bytes]) -> list[dict[str, str]]:
    """For each message what Mail::DKIM says of its signatures, by algorithm."""
    perl = shutil.which("perl")
    assert perl, "perl is missing: apt-get install perl libmail-dkim-perl"
    folder.mkdir()
    (folder / "zone").write_text("".join(f"{line}\n" for line in zone))
    paths = []
    for number, message in enumerate(messages):
        paths.append(folder / f"{number:06}.eml")
        paths[-1].write_bytes(message)
    command = [perl, str(PROGRAM), str(folder / "zone"), *map(str, paths)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "Mail/DKIM" not in ended.stderr, f"Mail::DKIM is missing: apt-get install libmail-dkim-perl\n{ended.stderr}"
    assert ended.returncode == 0, ended.stderr
    found: dict[str, dict[str, str]] = {str(path): {} for path in paths}
    for line in ended.stdout.splitlines():
        path, algorithm, result = line.split("\t")
        found[path][algorithm] = result
    return list(found.values())


def records(daemon: Daemon, domain: str) -> list[Record]:
    """What the command line prints for a domain's DNS."""
    shown = daemon.cli("domain", "show", domain)["records"]
    return [Record(each["purpose"], each["name"], each["value"]) for each in shown]


def dns(found: Iterable[Record]) -> Mapping[bytes, bytes]:
    """The same as dkimpy asks for it."""
    return {f"{each.name}.".encode(): each.value.encode() for each in found}


def test_second_verifier(tmp_path: Path) -> None:
    """M19, M20, M23: Mail::DKIM finds the RSA signatures of hundreds of letters good, and none that was tampered with.
    (Debian's version knows no Ed25519.)"""
    zone = [Record("dkim", name.decode().rstrip("."), text.decode()) for name, text in published().items()]
    signed = [
        sign(wire(Message.parse(source), eight_bit=number % 2 == 0), signers(), AT)
        for number, source in enumerate(letters(23, 400))
    ]
    assert [each[RSA] for each in judged(tmp_path / "good", zone, signed)] == ["pass"] * 400
    tampered = [
        change
        for message in signed[:50]
        for change in (
            message.replace(b"\r\n\r\n", b"\r\n\r\nadded\r\n", 1),
            b"From: x@example.org\r\n" + message,
            b"Subject: x\r\n" + message,
            message.replace(f"d={DOMAIN};".encode(), b"d=example.org;"),
        )
    ]
    results = [each[RSA] for each in judged(tmp_path / "bad", zone, tampered)]
    assert not [result for result in results if result.startswith("pass")]


def operated(source: bytes, number: int) -> Message:
    """A letter after surgery of every kind."""
    message = in_utf8(Message.parse(source))
    if number % 3 == 0:
        try:
            message = one_text(message)
        except NoText:
            pass
    if number % 3 == 1:
        message = change_leaves(message, lambda leaf: leaf.followed_by("\r\nОтписаться\r\n"))
    if number % 2:
        message = attach(message, [File("Прайс.pdf", "application/pdf", source)], f"ID{number}")
    return message


def test_after_surgery(tmp_path: Path) -> None:
    """M19, M20, M23: what was put into UTF-8, reduced to one text, changed within or added to is signed as it leaves,
    and both verifiers find it good."""
    zone = [Record("dkim", name.decode().rstrip("."), text.decode()) for name, text in published().items()]
    signed = [
        sign(wire(operated(source, number), eight_bit=number % 4 < 2), signers(), AT)
        for number, source in enumerate(letters(29, 120))
    ]
    assert [each[RSA] for each in judged(tmp_path / "good", zone, signed)] == ["pass"] * 120
    assert all(verified(message) == [True, True] for message in signed)


def test_personal_with_a_file(sandbox: Sandbox) -> None:
    """M19: a mail whose links were followed and to which a cached file was attached arrives signed, its text in
    another charset as it was written, and the file with its octets."""
    shop, to = sandbox.shop(dialect="standard"), "surgery@example.net"
    (sandbox.folder / "Прайс.txt").write_text("1 €\n")
    key = sandbox.cli("file", "add", str(sandbox.folder / "Прайс.txt"), "--account", shop.account)["key"]
    fields = (
        f"X-Relay-File: {key}".encode(),
        b"X-Relay-Track-Clicks: yes",
        b"MIME-Version: 1.0",
        b"Content-Type: text/html; charset=koi8-r",
        b"Content-Transfer-Encoding: base64",
    )
    body = base64.encodebytes('<a href="https://example.org/">Привет</a>'.encode("koi8-r")).replace(b"\n", b"\r\n")
    sandbox.submit(shop, [to], letter(shop, "surgery", body, *fields))
    message = sandbox.received(to)
    assert verified(message, dns(records(sandbox, shop.domain))) == [True, True]
    text, file = email.message_from_bytes(message, policy=email.policy.default).iter_parts()
    assert "Привет" in text.get_content() and "https://example.org/" not in text.get_content()
    assert (file.get_filename(), file.get_payload(decode=True)) == ("Прайс.txt", "1 €\n".encode())


@pytest.mark.parametrize("dialect", ["standard", "emailmassivo"])
def test_what_the_daemon_sends(sandbox: Sandbox, dialect: str, tmp_path: Path) -> None:
    """What the sink received of a new customer's mail verifies with what the command line printed for the DNS: both
    signatures by dkimpy, RSA's by Mail::DKIM, which reads the lines meant for people."""
    shop = sandbox.shop(dialect=dialect)
    body = b"Gr\xc3\xbc\xc3\x9fe\t \r\n.\r\n..\r\n" + b"long " * 400 + b"\r\n\r\n\r\n"
    sandbox.submit(shop, [f"{shop.account}@example.net"], letter(shop, "folded\r\n\t twice", body))
    message = sandbox.received(f"{shop.account}@example.net")
    found = records(sandbox, shop.domain)
    assert [each.purpose for each in found] == ["dkim", "dkim", "spf", "dmarc"]
    assert verified(message, dns(found)) == [True, True]
    printed = sandbox.command("domain", "show", shop.domain).stdout.partition("DNS:\n")[2].splitlines()
    assert printed == [str(each) for each in found]
    (results,) = judged(tmp_path / "received", printed, [message])
    assert results[RSA] == "pass"


def test_new_keys_take_effect(sandbox: Sandbox, shop: Shop) -> None:
    """A new pair signs within two seconds of being put to use, and not before; the daemon runs on."""

    def selectors() -> set[str]:
        to = f"{shop.account}+{len(sandbox.get('/api/v1/sandbox/messages', limit=1000))}@example.net"
        sandbox.submit(shop, [to])
        message = sandbox.received(to)
        assert verified(message, dns(records(sandbox, shop.domain))) == [True, True]
        fields = Message.parse(message).all("DKIM-Signature")
        return {tag.strip()[2:].decode() for field in fields for tag in field.split(b";") if tag.strip()[:2] == b"s="}

    old = selectors()
    new = {each["selector"] for each in sandbox.cli("domain", "keys", shop.domain, "--new")} - old
    assert len(new) == 2 and selectors() == old
    sandbox.cli("domain", "keys", shop.domain, "--use")
    eventually(lambda: selectors() == new)


def change(sandbox: Sandbox, statement: str, *values: str) -> None:
    """Do to the state what no command does."""
    with Database(sandbox.state).open_writer() as connection, connection.begin():
        connection.exec_driver_sql(statement, values)


def test_no_usable_key(tmp_path: Path) -> None:
    """M21: mail of a domain whose keys do not open waits as deferred and is not sent; the log names the cause and no
    secret; once there is a new pair the mail leaves, signed."""
    sandbox = Sandbox(tmp_path)
    try:
        sandbox.start()
        _no_usable_key(sandbox)
    finally:
        sandbox.end()


def _no_usable_key(sandbox: Sandbox) -> None:
    shop = sandbox.shop()
    sealed = "A" * 100
    change(sandbox, "UPDATE domain_keys SET sealed = ? WHERE domain = ?", sealed, shop.domain)
    id = sandbox.submit(shop, [f"{shop.account}@example.net"])

    def deferred() -> dict[str, Any]:
        (found,) = sandbox.history(id).values()
        return found if found["state"] == "deferred" and found["attempts"] else {}

    assert eventually(deferred)["last_reply"].startswith("451 4.3.0")
    assert sandbox.arrived(f"{shop.account}@example.net") == []
    said = sandbox.said()
    assert "the sealed text does not open" in said and sealed not in said
    sandbox.cli("domain", "keys", shop.domain, "--new")
    sandbox.cli("domain", "keys", shop.domain, "--use")
    sandbox.cli("queue", "retry", "--id", id)
    message = sandbox.received(f"{shop.account}@example.net")
    assert verified(message, dns(records(sandbox, shop.domain))) == [True, True]
    assert sandbox.cli("audit")["broken"] == []


def test_state_from_before(own_sandbox: Sandbox) -> None:
    """Domains that never had keys, as those of a state that knew none, get them at the next start, are told in the
    log, and sign."""
    own_sandbox.start()
    shop = own_sandbox.shop()
    own_sandbox.stop()
    change(own_sandbox, "DELETE FROM domain_keys")
    own_sandbox.start()
    assert f"mailrelay domain show {shop.domain}" in own_sandbox.said()
    assert {each["algorithm"] for each in own_sandbox.cli("domain", "keys", shop.domain)} == set(ALGORITHMS)
    own_sandbox.submit(shop, [f"{shop.account}@example.net"])
    message = own_sandbox.received(f"{shop.account}@example.net")
    assert verified(message, dns(records(own_sandbox, shop.domain))) == [True, True]
