"""Policies of MTA-STS and reports about TLS over real HTTPS: a server with a certificate for each name (T13)."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, trustRootFromCertificates

from mailrelay.interfaces.https import HttpsFailure
from mailrelay.interfaces.resolver import ResolverFailure
from mailrelay.mail.answer import Answer
from mailrelay.relay.sts import Held, StsPolicies
from mailrelay.smtp.https import LARGEST, Https
from mailrelay.store import open_store

from ..relay.test_way import FakeResolver
from ..smtp.certificates import Issued, authority, leaf
from .test_namespaces import written

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.b.test\r\nmax_age: 86400\r\n"
ROOT = authority("The authority")

#: What hosts show, by their domain; all others have one of a wildcard.
CERTIFICATES = {
    "self-signed.test": leaf("mta-sts.self-signed.test"),
    "expired.test": leaf("mta-sts.expired.test", by=ROOT, days=-1, begun=30),
    "wrong-name.test": leaf("mta-sts.other.test", by=ROOT),
    "stranger.test": leaf("mta-sts.stranger.test", by=authority("Nobody's authority")),
    "common.test": leaf(by=ROOT, common="mta-sts.common.test"),
}

#: What they answer: status, fields, body.
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "missing.test": (404, {}, POLICY),
    "moved.test": (301, {"Location": "https://mta-sts.good.test/.well-known/mta-sts.txt"}, POLICY),
    "found.test": (302, {"Location": "/elsewhere"}, POLICY),
    "page.test": (200, {"Content-Type": "text/html"}, POLICY),
    "large.test": (200, {}, POLICY + b"x: " + b"y" * LARGEST),
    "letters.test": (200, {}, POLICY + b"x: \xff"),
    "empty.test": (200, {}, b""),
    "other.test": (200, {}, b"version: STSv2\n"),
}


class Web:
    """The server; `asked` are the names and paths that it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.posted: list[tuple[str, bytes]] = []
        web = self

        class Page(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                domain = str(self.headers["Host"]).partition(":")[0].removeprefix("mta-sts.")
                web.asked.append(f"{domain}{self.path}")
                if domain == "stalls.test":
                    time.sleep(2)
                status, more, body = ANSWERS.get(domain, (200, {}, POLICY))
                self.answer(status, {"Content-Type": "text/plain", **more}, body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.posted.append((str(self.headers["Content-Type"]), body))
                self.answer({"/moved": 307, "/broken": 500}.get(self.path, 201), {"Location": "/taken"}, b"")

            def answer(self, status: int, fields: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        contexts = {name: _context(folder, name, issued) for name, issued in CERTIFICATES.items()}
        names = [f"mta-sts.{name.removesuffix('.test')}.test" for name in (*ANSWERS, "good.test", "stalls.test")]
        usual = _context(folder, "usual", leaf(*names, "reports.test", by=ROOT))

        def choose(line: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            line.context = contexts.get(str(name).removeprefix("mta-sts."), usual)

        usual.sni_callback = choose  # type: ignore[assignment]

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request: Any, client_address: Any) -> None:
                with usual.wrap_socket(request, server_side=True) as line:
                    Page(line, client_address, self)

            def handle_error(self, *_: Any) -> None:
                pass  # a client that does not like our certificate, or does not wait

        self._server = Server(("127.0.0.1", 0), Page)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _context(folder: Path, name: str, issued: Issued) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*written(folder, name, issued))
    return context


class AnyHost(FakeResolver):
    """Every host is here, and every domain has a policy; `down`: nobody answers."""

    down = False

    def resolve(self, name: str, kind: Any) -> Deferred[Answer]:
        records = {"A": ("127.0.0.1",), "TXT": ("v=STSv1; id=1;",)}
        self.table[name, kind] = ResolverFailure("silent") if self.down else Answer(records.get(kind, ()))
        return super().resolve(name, kind)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    web = Web(tmp_path_factory.mktemp("web"))
    yield web
    web.stop()


def https(web: Web, resolver: AnyHost, **options: Any) -> Https:
    root = trustRootFromCertificates([Certificate.loadPEM(ROOT.certificate.public_bytes(Encoding.PEM))])
    return Https(reactor, resolver, **{"root": root, "allow_private": True, "port": web.port, **options})


async def failure(waiting: Deferred[Any]) -> str:
    with pytest.raises(HttpsFailure) as caught:
        await waiting
    return str(caught.value)


@pytest_twisted.ensureDeferred
async def test_fetched(web: Web, tmp_path: Path) -> None:
    """T13: a policy that is missing, elsewhere, too large, no text or shown by a host that is not proved is none, and a
    redirect is not followed; a good one is kept by the store over a restart, while DNS and the web host are down."""
    resolver = AnyHost()
    faults = {
        **dict.fromkeys(
            ("missing", "moved", "found", "page", "large", "letters", *(n.removesuffix(".test") for n in CERTIFICATES)),
            "sts-policy-fetch-error",
        ),
        **dict.fromkeys(("empty", "other"), "sts-policy-invalid"),
    }
    store = open_store(tmp_path, node="N1", now=now, inline=True)
    policies = StsPolicies(resolver, https(web, resolver), reactor.seconds, store.sts_policies, now)  # type: ignore[attr-defined]
    for name, fault in faults.items():
        held = await policies.of(f"{name}.test")
        assert held == Held(fault=fault), name
    assert not any("elsewhere" in each or each.startswith("good") for each in web.asked)
    held = await policies.of("good.test")
    assert held.policy is not None and (held.policy.mode, held.policy.mx) == ("enforce", ("mx.b.test",))
    await store.close()

    resolver.down = True
    store = open_store(tmp_path, node="N2", now=now, inline=True)
    restarted = StsPolicies(resolver, https(web, resolver), reactor.seconds, store.sts_policies, now)  # type: ignore[attr-defined]
    await restarted.remember()
    before = len(web.asked)
    assert (await restarted.of("good.test")) == held and len(web.asked) == before
    assert (await restarted.of("missing.test")) == Held()
    await store.close()


@pytest_twisted.ensureDeferred
async def test_reasons(web: Web) -> None:
    """T13: why a policy was not fetched is told in one line; who takes too long is not waited for, and no host is asked
    that is not of the public Internet."""
    resolver = AnyHost()
    url = "https://mta-sts.{}.test/.well-known/mta-sts.txt"
    reasons = {"missing": "answered 404", "moved": "answered 301", "page": "text/html", "large": "more than 65536"}
    for name, reason in reasons.items():
        assert reason in await failure(https(web, resolver).get(url.format(name)))
    for name in CERTIFICATES:
        assert "\n" not in await failure(https(web, resolver).get(url.format(name.removesuffix(".test"))))
    assert "not done within" in await failure(https(web, resolver, patience=0.5).get(url.format("stalls")))
    before = len(web.asked)
    assert "no public address" in await failure(https(web, resolver, allow_private=False).get(url.format("good")))
    assert len(web.asked) == before


@pytest_twisted.ensureDeferred
async def test_handed_in(web: Web) -> None:
    """A report is handed in as it is; who answers anything but 2xx did not take it, and no redirect is followed."""
    resolver = AnyHost()
    await https(web, resolver).post("https://reports.test/taken", b"\x1f\x8b", "application/tlsrpt+gzip")
    assert web.posted == [("application/tlsrpt+gzip", b"\x1f\x8b")]
    assert "answered 500" in await failure(https(web, resolver).post("https://reports.test/broken", b"x", "a/b"))
    assert "answered 307" in await failure(https(web, resolver).post("https://reports.test/moved", b"x", "a/b"))
    assert len(web.posted) == 3
    unproved = https(web, resolver).post("https://mta-sts.self-signed.test/taken", b"x", "a/b")
    assert await failure(unproved)
    assert len(web.posted) == 3


def now() -> int:
    return int(time.time() * 1_000_000)
