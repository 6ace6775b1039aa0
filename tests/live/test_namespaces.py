"""The whole relay in a small Internet of its own: real name servers with DNSSEC, real Postfix hosts, one of them dead.

What is shown of each message is printed, for whoever wants to see it (`pytest -s`).
"""

from __future__ import annotations

import gzip
import json
import shutil
import smtplib
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ..smtp.certificates import Issued, authority, leaf
from .daemon import Daemon, eventually, free_port, is_free, letter, queued
from .namespaces import DNS, RELAY, Internet

ZONE = """
$ORIGIN test.
$TTL 300
@ IN SOA ns root 1 3600 600 86400 60
  IN NS ns
ns A 127.0.0.1
dead   MX 10 mx1
       MX 20 mx3
gone   MX 10 mx1
grey   MX 10 mx2
dane   MX 10 mx3
anchor MX 10 mx4
bogus  MX 10 mx5
odd    MX 10 mx6
sts    MX 10 mx2
other  MX 10 mx9
forged MX 10 mx7
alias  MX 10 mx8
next   MX 10 mx5
       MX 20 mx3
_mta-sts.sts TXT "v=STSv1; id=1"
mta-sts.sts A {dns}
_mta-sts.other TXT "v=STSv1; id=1"
mta-sts.other A {dns}
_smtp._tls.dane TXT "v=TLSRPTv1; rua=mailto:tls@reports.test"
_smtp._tls.bogus TXT "v=TLSRPTv1; rua=mailto:tls@reports.test,https://127.0.0.1/"
_smtp._tls.sts TXT "v=TLSRPTv1; rua=mailto:tls@reports.test"
reports MX 10 mx5
open   NS ns.open
ns.open A 127.0.0.1
mx1 A {dead}
mx2 A {grey}
mx3 A {dane}
mx4 A {dane}
mx5 A {dane}
mx6 A {dane}
mx7 A {dane}
mx8 CNAME mx3
mx9 A {dane}
_25._tcp.mx7 TLSA 3 1 1 {digest}
_25._tcp.mx3 TLSA 3 1 1 {digest}
_25._tcp.mx4 TLSA 2 0 1 {authority}
_25._tcp.mx5 TLSA 3 1 1 {wrong}
_25._tcp.mx6 TLSA 1 1 1 {wrong}
"""

#: It is not signed, so that what it says of TLSA proves nothing.
OPEN = """
$ORIGIN open.test.
$TTL 300
@ IN SOA ns root 1 3600 600 86400 60
  IN NS ns
  IN MX 10 mx
ns A 127.0.0.1
mx A {dane}
_25._tcp.mx TLSA 3 1 1 {wrong}
"""

CONFIG = """
[server]
hostname = "relay.test"

[state]
path = "{state}"

[[listeners]]
name = "local"
port = {port}
tls = "none"

[[routes]]
name = "mx"
mx = true
sources = ["{source}"]
allow_private = true
default = true

[resolver]
servers = ["{dns}"]
validates = true

[tls_reports]
sender = "tls@sender.example"

[delivery]
schedule = [3, 60]

[delivery.timeouts]
connect = 2
"""

#: A web server for the policy of MTA-STS.
WEB = """
import http.server, ssl, sys
class Policy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"version: STSv1\\nmode: enforce\\nmx: mx2.test\\nmax_age: 86400\\n"
        self.send_response(200 if self.path == "/.well-known/mta-sts.txt" else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer((sys.argv[1], 443), Policy)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


class Relay(Daemon):
    """The relay, with a configuration that asks the validating resolver."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "mailrelay.toml"
        config.write_text(CONFIG.format(state=folder / "state", port=self.port, dns=DNS, source=RELAY))
        super().__init__(folder, ["--config", str(config)], ["--config", str(config)])
        self.cli("init")

    def listens(self) -> bool:
        return not is_free(self.port)


def written(folder: Path, name: str, issued: Issued, *chain: Issued) -> tuple[Path, Path]:
    """A certificate with its chain, and its key, in files."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (issued, *chain)))
    key.write_bytes(issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    return certificate, key


def digest(octets: bytes) -> str:
    hashed = Hash(SHA256())
    hashed.update(octets)
    return hashed.finalize().hex()


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    # pytest's own folders are open to nobody, and Postfix's user has to come by
    folder = Path(tempfile.mkdtemp(prefix="mailrelay-net-"))
    folder.chmod(0o755)
    root = authority("The authority")
    (folder / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "root.pem"))
    public = leaf("mx2.test", by=root)
    own_root = authority("The host's own authority")
    host = leaf("mx3.test", "mx4.test", by=own_root)
    internet = Internet(folder)
    try:
        dead, grey, dane = (internet.host(f"mx{n}", 10 + n) for n in (1, 2, 3))
        key = host.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        internet.name_servers(
            ZONE.format(
                dns=DNS,
                dead=dead,
                grey=grey,
                dane=dane,
                digest=digest(key),
                authority=digest(own_root.certificate.public_bytes(Encoding.DER)),
                wrong="00" * 32,
            ),
            OPEN.format(dane=dane, wrong="00" * 32),
            "_25._tcp.mx7",
        )
        policy = written(folder, "policy", leaf("mta-sts.sts.test", "mta-sts.other.test", by=root), root)
        internet.run("dns", sys.executable, "-c", WEB, DNS, *map(str, policy))
        internet.postfix("mx1", dead, *written(folder, "mx1", leaf("mx1.test")))
        internet.postfix("mx2", grey, *written(folder, "mx2", public, root), more=internet.greylist("mx2"))
        internet.postfix("mx3", dane, *written(folder, "mx3", host, own_root), tls="encrypt")
        for address, port in ((DNS, 53), (DNS, 443), (dead, 25), (grey, 25), (dane, 25)):
            internet.await_port(address, port)
        internet.cut("mx1")
        yield internet
    finally:
        internet.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_everything_arrives(internet: Internet, tmp_path: Path) -> None:
    """Of three hosts one is dead, one greylists and one requires TLS and has a TLSA record: everything arrives, by the
    second host (also where the first is not whom its record says, T12), at the second try, verified by DANE, be the
    host an alias or not; records of a zone that is not signed are ignored. What has no living host, or none that is
    whom its record or its policy says, or whose records are forged, waits and says why (T11, T13, T14, O11, O19). Of
    the day before, domains that ask for it get a report."""
    folder = tmp_path / "relay"
    folder.mkdir()
    relay = Relay(folder)
    try:
        relay.start()
        shop = relay.shop(dialect="standard")
        relay.cli("domain", "add", "sender.example", "--account", shop.account, "--verified")
        arriving = {
            "a@dead.test": ("mx3.test", "dane", 1),
            "a@grey.test": ("mx2.test", "opportunistic", 2),
            "a@dane.test": ("mx3.test", "dane", 1),
            "a@anchor.test": ("mx4.test", "dane", 1),
            "a@odd.test": ("mx6.test", "required", 1),
            "a@sts.test": ("mx2.test", "mta-sts", 2),
            "a@alias.test": ("mx8.test", "dane", 1),
            "a@next.test": ("mx3.test", "dane", 1),
            "a@open.test": ("mx.open.test", "opportunistic", 1),
        }
        waiting = {
            "a@gone.test": "451 4.4.1",
            "a@bogus.test": "451 4.7.5",
            "a@forged.test": "451 4.7.5",
            "a@other.test": "451 4.7.5",
        }
        with smtplib.SMTP("127.0.0.1", relay.port, "localhost", timeout=20) as client:
            client.login(shop.username, shop.password)
            client.mail(shop.mail_from)
            for recipient in (*arriving, *waiting):
                assert client.rcpt(recipient)[0] == 250
            id = queued(client.data(letter(shop)))

        def told() -> dict[str, list[dict[str, object]]]:
            found = relay.cli("message", "explain", id)
            each = {one["passage"]["rcpt"]: one["attempts"] for one in found["recipients"]}
            ends = {rcpt: attempts[-1]["state"] for rcpt, attempts in each.items() if attempts}
            whole = all(ends.get(rcpt) == "delivered" for rcpt in arriving) and all(ends.get(rcpt) for rcpt in waiting)
            return each if whole else {}

        each = eventually(told, 30, "every message where it belongs")
        for rcpt in (*arriving, *waiting):
            sys.stdout.write(relay._invoke("message", "explain", id, "--to", rcpt, stdin=None).stdout + "\n")
        for rcpt, (host, security, attempts) in arriving.items():
            last = each[rcpt][-1]
            assert (last["host"], last["security"], len(each[rcpt])) == (host, security, attempts), (rcpt, last)
            assert last["tls"] == "TLSv1.3" and last["cipher"]
        for rcpt, reply in waiting.items():
            last = each[rcpt][-1]
            assert (last["state"], str(last["reply"])[:9]) == ("deferred", reply), (rcpt, last)
        eventually(lambda: [len(internet.received(name)) for name in ("mx2", "mx3")] == [2, 7], 10, "all in its box")
        assert "is none of the TLSA records" in str(each["a@bogus.test"][-1]["reply"])
        assert "could not be looked up: SERVFAIL" in str(each["a@forged.test"][-1]["reply"])
        assert "is not among the hosts of the MTA-STS policy" in str(each["a@other.test"][-1]["reply"])
        secured = {"dane": 5, "opportunistic": 2, "required": 1, "mta-sts": 1}
        assert relay.cli("top", "--once")["security"] == secured
        relay.assert_sound()
        report(internet, relay)
    finally:
        relay.end()


def report(internet: Internet, relay: Relay) -> None:
    """Reports of a day that is over reach a real host, signed by our domain, although its TLSA record fits nobody."""
    relay.stop()
    with closing(sqlite3.connect(relay.folder / "state" / "mailrelay.sqlite3")) as store, store:
        store.execute("UPDATE tls_sessions SET day = day - 1")
        store.execute("UPDATE tls_reports SET day = day - 1, due_at = 1")
    before = set(internet.received("mx3"))
    relay.start()
    found = eventually(lambda: _reports(set(internet.received("mx3")) - before), 40, "three reports")
    each = {made["policies"][0]["policy"]["policy-domain"]: made["policies"][0] for made in found}
    assert set(each) == {"dane.test", "bogus.test", "sts.test"}
    assert each["dane.test"]["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 0}
    assert each["dane.test"]["policy"]["policy-type"] == "tlsa"
    assert each["sts.test"]["policy"]["mx-host"] == ["mx2.test"]
    (detail, *_) = each["bogus.test"]["failure-details"]
    assert (detail["result-type"], detail["receiving-mx-hostname"]) == ("validation-failure", "mx5.test")
    assert detail["sending-mta-ip"] == RELAY
    states = {one["domain"]: one["status"] for one in relay.cli("tls-report", "list")}
    assert (states["dane.test"], states["alias.test"]) == ("sent", "unwanted")
    relay.stop()
    assert relay.cli("tls-report", "list", "--domain", "reports.test") == [], "of reports there is no report"


def _reports(received: set[bytes]) -> list[Any]:
    """The documents of three reports, each of which is signed; [] while there are fewer."""
    found = []
    for source in received:
        read = message_from_bytes(source)
        assert read["TLS-Report-Submitter"] == "sender.example"
        assert "d=sender.example" in read["DKIM-Signature"] and "tls-report-domain" in read["DKIM-Signature"]
        found.append(json.loads(gzip.decompress(read.get_payload()[1].get_payload(decode=True))))  # type: ignore
    return found if len(found) == 3 else []
