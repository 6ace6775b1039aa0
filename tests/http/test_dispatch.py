"""Every operation meets the same gate: who asks, what they may, what they say; and the table holds together."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.http.app import make_site
from mailrelay.http.callers import Configured, ICallers
from mailrelay.interfaces.changes import Wanted
from mailrelay.manage.caller import TOKEN as KIND
from mailrelay.manage.caller import Caller

from .documented import EVERY
from .place import Place
from .wire import TOKEN, Answer, Wire


@implementer(ICallers)
class Some:
    """Knows tokens by what they are called."""

    def __init__(self, **callers: Caller) -> None:
        self.callers = callers
        self.asked: list[tuple[str, str]] = []

    def find(self, token: str, address: str) -> Deferred[Caller | None]:
        self.asked.append((token, address))
        return succeed(self.callers.get(token))


class TableTests(SynchronousTestCase):
    def test_ids(self) -> None:
        """No two operations have one id, or one method and path; each tells what it does."""
        found = EVERY
        self.assertEqual(len({each.id for each in found}), len(found))
        self.assertEqual(len({(each.method, each.path) for each in found}), len(found))
        for each in found:
            self.assertTrue(each.summary and "." not in each.summary.rstrip("."), each.id)
            self.assertRegex(each.scope, r"^[a-z_]+:(read|write|send)$")
            self.assertEqual(each.scope.endswith(":read"), each.method == "GET" or each.scope.endswith(":read"))

    def test_kinds(self) -> None:
        """What an operation's coroutine says it is asked is what its request is read as."""
        for each in EVERY:
            query, body = get_args(get_type_hints(each.act)["asked"])
            self.assertIs(query, each.query, each.id)
            self.assertIs(body, each.body or type(None), each.id)


class GateTests(Place):
    """Over a site that knows several tokens."""

    def setUp(self) -> None:
        super().setUp()
        self.callers = Some(
            reader=Caller(KIND, "reader", administrator=False, scopes=frozenset({"connections:read"})),
            clerk=Caller(KIND, "clerk", administrator=False),
            boss=Caller(KIND, "boss", address="192.0.2.7"),
        )
        verifyObject(ICallers, self.callers)
        self.site = make_site(api_token=TOKEN, installation=self.place, clock=self.clock, callers=self.callers)

    def by(self, token: str, method: str, path: str, octets: bytes = b"", **head: str) -> Answer:
        wire = Wire(self.site)
        lines = {"Host": "x", "Authorization": f"Bearer {token}", "Content-Length": str(len(octets)), **head}
        text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        wire.send(f"{method} /api/v1/{path} HTTP/1.1\r\n{text}\r\n".encode() + octets)
        return wire.answer(method)

    def test_scopes(self) -> None:
        """A token does what its scopes allow; another is 403 and told which it lacks; what is for administrators is
        403 for who is none, whatever the scopes."""
        self.assertEqual(self.by("reader", "GET", "connections").status, 200)
        answer = self.by("reader", "POST", "connections", b"{")
        self.assertEqual((answer.status, answer.json()["scope"]), (403, "connections:write"))
        self.assertEqual(self.by("reader", "GET", "accounts").status, 403)
        self.assertEqual(self.by("clerk", "POST", "accounts", b'{"name":"shop"}').status, 403)
        self.assertEqual(self.by("boss", "POST", "accounts", b'{"name":"shop"}').status, 201)
        self.assertEqual(self.by("nobody", "GET", "accounts").status, 401)

    def test_revealing(self) -> None:
        """Who may only look at connections is not told their logins."""
        self.assertEqual(self.by("reader", "GET", "connections/app?reveal=true").status, 403)

    def test_noted(self) -> None:
        """The audit log tells who changed something through the API, and from where."""
        self.by("boss", "POST", "accounts", b'{"name":"shop"}')
        (entry,) = self.successResultOf(self.place.changes.page(Wanted(), 10))
        self.assertEqual((entry.kind, entry.who, entry.address), (KIND, "boss", "192.0.2.7"))

    def test_behind_a_proxy(self) -> None:
        """Who asks through a proxy that is trusted is known by their own address, for tokens and everything else."""
        self.site = make_site(
            api_token=TOKEN,
            installation=self.place,
            clock=self.clock,
            callers=self.callers,
            trusted_proxies=["192.168.1.1/32"],  # where the transport of the tests comes from
        )
        self.by("boss", "GET", "accounts", X_Forwarded_For="203.0.113.1, 192.0.2.7")
        self.by("boss", "GET", "accounts")
        self.assertEqual([address for _, address in self.callers.asked], ["192.0.2.7", "192.168.1.1"])

    def test_order(self) -> None:
        """The token comes before the route, the scope before the body, its kind before what stands in it."""
        self.assertEqual(self.by("nobody", "GET", "nothing").status, 401)
        self.assertEqual(self.by("boss", "GET", "nothing").status, 404)
        self.assertEqual(self.by("reader", "POST", "accounts", b"x", Content_Type="text/plain").status, 403)
        self.assertEqual(self.by("boss", "POST", "accounts", b"x", Content_Type="text/plain").status, 415)
        self.assertEqual(self.by("boss", "POST", "accounts", b"x", Content_Encoding="gzip").status, 415)
        self.assertEqual(self.by("boss", "POST", "accounts", b"x").status, 400)

    def test_methods(self) -> None:
        """H16: a method that a path has not is 405 and told which it has; HEAD is GET without the body."""
        for method in ("DELETE", "PUT", "OPTIONS", "TRACE", "PATCH", "FOO"):
            answer = self.by("boss", method, "accounts")
            self.assertEqual((answer.status, answer.headers.get("allow")), (405, "GET, HEAD, POST"), method)
        head = self.by("boss", "HEAD", "accounts")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.by("nobody", "HEAD", "accounts").status, 401)

    def test_hostile_values(self) -> None:
        """H16, H17: whatever stands in a body, a query or a path, the answer is a problem of the caller's."""
        self.by("boss", "POST", "accounts", b'{"name":"shop"}')
        for octets in (
            rb'{"name":"\ud800"}', b'{"name":"a","balance":1%s}' % (b"0" * 30), b'{"name":"a","balance":NaN}',
            b'{"name":"a","name":"b"}', b'{"name":' + b"[" * 10_000, rb'{"name":"\u0000"}',
            b'{"name":"a","balance":1e999}',
            b'{"name":"a","balance":-1}', b'{"name":"a","balance":1.5}', b'{"name":"a\\nb"}', b'{"name":""}', b'"',
        ):  # fmt: skip
            answer = self.by("boss", "POST", "accounts", octets)
            self.assertEqual(answer.status, 400, (octets[:50], answer))
        for path in ("accounts?order=id", "accounts?limit=1;drop", "connections?account=%00", "connections?account=%ff",
                     "connections?account=a&account=b"):  # fmt: skip
            self.assertEqual(self.by("boss", "GET", path).status, 400, path)
        for path in ("accounts/%27%20OR%201=1--", "accounts/%00", "accounts/%ED%A0%80", "accounts/" + "a" * 5000,
                     "connections?account=%27%20OR%201=1--", "accounts/..%2f..%2fetc"):  # fmt: skip
            self.assertIn(self.by("boss", "GET", path).status, (400, 404), path)

    def test_cursors(self) -> None:
        """H17: a cursor that was tampered with, whatever it holds, is a place in the list like any other, or 400."""
        self.by("boss", "POST", "accounts", b'{"name":"shop"}')
        for each in EVERY:
            name = next((name for name in ("before", "after") if name in each.query.model_fields), "")
            if name and "{" not in each.path:
                for cursor in (
                    "%27%20OR%201=1--",
                    "zzzz",
                    "-1",
                    "0",
                    "%F0%9F%92%A9",
                    "1e9",
                    "%22;DROP%20TABLE%20x",
                    "A" * 64,
                ):
                    path = f"{each.path[1:]}?{name}={cursor}" + (
                        "&account=shop" if each.id == "balance_entries" else ""
                    )
                    self.assertIn(self.by("boss", "GET", path).status, (200, 400), path)

    def test_framing(self) -> None:
        """H18: a request with two lengths, or a length and chunks, is refused and ends its connection; requests one
        behind the other are answered in order; nobody's Host stands in an answer."""
        for head in ("Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2\r\nTransfer-Encoding: chunked",
                     "Content-Length: +2", "Content-Length: 2, 2", "Transfer-Encoding: chunked, identity"):  # fmt: skip
            wire = Wire(self.site)
            wire.send(f"POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{{}}".encode())
            self.assertTrue(wire.transport.disconnecting, head)
            self.assertEqual(wire.transport.value().split(b" ")[1], b"400", head)
        wire = Wire(self.site)
        one = b"GET /api/v1/accounts HTTP/1.1\r\nHost: evil.test\r\nAuthorization: Bearer boss\r\n\r\n"
        wire.send(one + one.replace(b"accounts", b"nothing") + one)
        said = wire.transport.value()
        self.assertEqual(re.findall(rb"HTTP/1.1 ([0-9]+)", said), [b"200", b"404", b"200"])
        self.assertNotIn(b"evil.test", said)
        wire = Wire(self.site)
        wire.send(b"GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (1 << 20))
        self.assertTrue(wire.transport.disconnecting or wire.transport.disconnected)

    def test_configured(self) -> None:
        """The token of the configuration is an administrator's, and says whence it was used; an empty one is none."""
        callers = Configured("secret")
        verifyObject(ICallers, callers)
        found = self.successResultOf(callers.find("secret", "192.0.2.1"))
        self.assertEqual(found, Caller(KIND, "api_token", address="192.0.2.1"))
        self.assertIsNone(self.successResultOf(callers.find("secre", "192.0.2.1")))
        self.assertIsNone(self.successResultOf(callers.find("", "")))
        self.assertRaises(ValueError, Configured, "")
