"""What a body and a query may hold, and that whatever else comes is a problem that names the member."""

from __future__ import annotations

import json
from typing import Annotated, Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, JsonValue
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from mailrelay.http.members import Flag, Mailbox, Members, Whole, Words
from mailrelay.http.problem import Problem
from mailrelay.http.reading import DEEPEST, object_in, query_of, read, require_json, require_plain

_JSON = st.recursive(st.none() | st.floats() | st.text(st.characters()), st.lists)


class Inner(Members):
    to: str = ""


class Model(Members):
    name: str = ""
    sends: Annotated[int, Field(ge=0, le=10**15)] = 0
    active: bool = False
    batch: list[Inner] = []
    variables: dict[str, JsonValue] = {}


class Asking(Members):
    limit: Annotated[Whole, Field(ge=1, le=100)] = 10
    all: Flag = False
    state: Words = []
    to: Mailbox = ""
    since: Annotated[str, Field(alias="from")] = ""


class BodyTests(SynchronousTestCase):
    def wrong(self, octets: bytes) -> tuple[str, str]:
        problem = self.assertRaises(Problem, read, Model, octets)
        self.assertEqual(problem.status, 400)
        problem.encode()
        return problem.field, problem.detail

    def test_read(self) -> None:
        """A body is an object of its model; an empty one has the defaults."""
        self.assertEqual(read(Model, b""), Model())
        found = read(Model, '{"name":"é","sends":7,"batch":[{"to":"b"}],"variables":{"a":[1.5,null]}}'.encode())
        self.assertEqual((found.name, found.sends, found.batch[0].to), ("é", 7, "b"))
        self.assertEqual(found.variables, {"a": [1.5, None]})
        self.assertEqual(read(Model, rb'{"name":"\ud83d\ude00"}').name, "\U0001f600")

    def test_not_json(self) -> None:
        """H16: what is no JSON object in UTF-8 is told so, NaN, Infinity and numbers beyond all bounds among it."""
        for octets in (b"{", b"[]", b"null", b"\xff", b'{"name":"\xed\xa0\x80"}', b"{'a':1}", b'{"a":1,}', b"\0"):
            self.assertEqual(self.wrong(octets)[0], "")
        for number in (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"9" * 5000):
            self.assertEqual(self.wrong(b'{"variables":{"a":%s}}' % number)[0], "")
        self.assertEqual(self.wrong(b'{"sends":1%s}' % (b"0" * 30))[0], "sends")

    def test_given_twice(self) -> None:
        """H16: a member given twice is refused at any depth, and not taken to be the one or the other."""
        for octets in (b'{"sends":1,"sends":2}', b'{"variables":{"a":{"sends":1,"sends":1}}}'):
            self.assertIn("sends", self.wrong(octets)[1])

    def test_no_text(self) -> None:
        """H16: half of a surrogate pair, or a NUL, is told with its place, in a name too."""
        for place, octets in {
            "name": rb'{"name":"a\ud800"}',
            "batch[1].to": rb'{"batch":[{"to":""},{"to":"\udfff\ud800"}]}',
            "variables.a": rb'{"variables":{"a":"\u0000"}}',
            "variables": rb'{"variables":{"\uD800":1}}',
        }.items():
            field, detail = self.wrong(octets)
            self.assertEqual(field if "name of" not in detail else "variables", place)

    def test_deep(self) -> None:
        """H16: an object nested ten thousand deep is refused, and so is one that is only too deep."""
        for depth in (DEEPEST, 1000, 10_000, 1_000_000):
            self.wrong(b'{"variables":{"a":' + b"[" * depth + b"]" * depth + b"}}")
        read(Model, b'{"variables":{"a":' + b"[" * 50 + b"]" * 50 + b"}}")
        read(Model, b'{"variables":{"a":[' + b"[]," * 500 + b"0]}}")

    def test_kinds(self) -> None:
        """Nothing is taken for what it is not, and the member that is wrong is named."""
        for field, octets in {
            "colour": b'{"colour":1}',
            "name": b'{"name":1}',
            "sends": b'{"sends":true}',
            "active": b'{"active":"true"}',
            "batch": b'{"batch":{}}',
            "batch[0].to": b'{"batch":[{"to":null}]}',
            "batch[0].cc": b'{"batch":[{"cc":""}]}',
        }.items():
            self.assertEqual(self.wrong(octets)[0], field)

    @given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
    def test_anything(self, octets: bytes) -> None:
        """H16: whatever octets come, they are an object or a problem."""
        try:
            found = object_in(octets)
        except Problem as problem:
            self.assertEqual(problem.status, 400)
        else:
            json.dumps(found, ensure_ascii=False).encode("utf-8")


def asking(uri: bytes, **headers: str) -> Request:
    request = Request(DummyChannel())
    request.uri = uri
    for name, value in headers.items():
        request.requestHeaders.setRawHeaders(name.replace("_", "-"), [value])
    return request


class QueryTests(SynchronousTestCase):
    def wrong(self, query: bytes) -> Any:
        problem = self.assertRaises(Problem, query_of, asking(b"/?" + query), Asking)
        self.assertEqual(problem.status, 400)
        return problem.field

    def test_read(self) -> None:
        """Parameters are read by their kinds: lists with commas or several, a plus sign that nobody escaped."""
        found = query_of(asking(b"/x?limit=5&all=true&state=a,b&state=c&to=a+b@c.test&from=x%2By"), Asking)
        self.assertEqual((found.limit, found.all, found.state), (5, True, ["a", "b", "c"]))
        self.assertEqual((found.to, found.since), ("a+b@c.test", "x+y"))
        self.assertEqual(query_of(asking(b"/x"), Asking), Asking())

    def test_wrong(self) -> None:
        """H17: what is no such parameter, or given twice, or no text, is named."""
        for name, query in {
            "limit": b"limit=0",
            "order": b"order=id;drop",
            "all": b"all=1",
            "to": b"to=a&to=b",
            "from": b"from=%00",
        }.items():
            self.assertEqual(self.wrong(query), name)
        for query in (b"limit=101", b"limit=-1", b"limit=", b"limit=1e1", b"limit=%D9%A1", b"limit=" + b"9" * 5000):
            self.assertEqual(self.wrong(query), "limit")
        self.assertEqual(self.wrong(b"from=%ff"), "from")
        self.wrong(b"%ff=1")

    def test_kind_of_body(self) -> None:
        """H16: a body that says it is no JSON, or is compressed, is 415; one that says nothing is taken for JSON."""
        for kind in ("application/json", "application/json; charset=UTF-8", "Application/Merge-Patch+JSON"):
            require_json(asking(b"/", Content_Type=kind))
        require_json(asking(b"/"))
        require_plain(asking(b"/", Content_Encoding="identity"))
        for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"):
            self.assertEqual(self.assertRaises(Problem, require_json, asking(b"/", Content_Type=kind)).status, 415)
        self.assertEqual(self.assertRaises(Problem, require_plain, asking(b"/", Content_Encoding="gzip")).status, 415)
