"""A12: a token of one account goes over every operation of the API with another account's names and ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from twisted.internet.task import Clock

from mailrelay.http.app import make_site
from mailrelay.http.operation import Operation
from mailrelay.manage import accounts, scopes, tokens
from mailrelay.policy.domain_check import Relay

from ..manage.place import InstallationTestCase
from ..manage.theirs import Theirs, fill, state
from .documented import EVERY
from .wire import TOKEN, Answer, Wire

#: What stands at a place, by the first part of its path, as `Theirs` calls it.
NAMED = {
    "accounts": "account",
    "connections": "connection",
    "domains": "domain",
    "files": "file",
    "messages": "message",
    "orders": "order",
    "plans": "account",
    "prices": "price",
    "routes": "route",
    "sandbox": "message",
    "senders": "sender",
    "suppressions": "suppressed",
    "templates": "template",
    "tls-reports": "domain",
    "tokens": "api_token",
    "users": "user",
    "webhooks": "webhook",
}
#: Bodies of operations that need more than one example for each member.
BODIES: Mapping[str, Any] = {
    "message_send": {"connection": "theirs", "from": "a@b.test", "to": ["c@d.test"], "subject": "x", "text": "x"},
    "preflight": {"connection": "theirs", "from": "a@b.test", "to": ["c@d.test"], "subject": "x", "text": "x"},
    "message_resend": {"to": ["me@mine.test"]},
    "account_change": {"zone": "UTC"},
    "connection_change": {"sender": "a@b.test"},
    "connection_revoke": {"kind": "api-key"},
    "price_set": {"currency": "EUR", "steps": [{"from": 1, "per_thousand": "2"}]},
    "route_change": {"tls": "may"},
    "template_create": {"text": "x"},
    "template_check": {"text": "x"},
    "template_edit": {"text": "x"},
    "suppression_undo": {"reason": "manual"},
    "webhook_change": {"url": "https://hook.example/"},
}
QUERIES: Mapping[str, Mapping[str, str]] = {
    # an address is nobody's: whoever asks for it asks in the name of an account
    "sender_ask": {"account": "other"},
    "file_add": {"name": "a.txt"},
    "template_restore": {"version": "1"},
    "webhook_replay": {"since": "2026-01-01"},
    "queue_reroute": {"by": "eu"},
    "quote": {"sends": "5"},
}
#: How all is meant, where nothing would mean nothing.
ALL: Mapping[str, Mapping[str, str]] = {"queue_count": {"all": "true"}}
OCTETS = {"file_add": b"x", "suppression_import": b"address\nx@b.test\n"}
#: What only administrators may do, though the operation is open to others in another form.
CLOSED = {"domain_unverify", "route_change", "route_create", "route_remove", "route_try", "queue_reroute"}
#: Operations that name no account and nothing of one: lists of what the token sees, and what is the same for all.
LISTS = {
    *("account_list", "plan_list", "price_list", "bounce_class", "dialect_list", "dialect_show", "shaping_list"),
    *("shaping_show", "template_check"),
}


class TenantTests(InstallationTestCase):
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.theirs = Theirs()
        self.mine = self.done(accounts.create(self.place, "mine"))
        fill(self, self.theirs)
        office: Any = object()
        self.place = replace(
            self.place,
            posts=office,
            resolver=office,
            relay=Relay("relay.test", "bounces.relay.test"),
            public_url="https://p.example",
        )
        self.site = make_site(api_token=TOKEN, installation=self.place, clock=Clock(), inbox=office)
        self.token = self.done(tokens.create(self.place, tokens.Wanted("program", "mine"))).secret

    def ask(self, each: Operation, query: Mapping[str, str], body: Any, token: str) -> Answer:
        room = each.path.split("/")[1]
        path = (
            each.path.replace("{number}", "1")
            .replace("/dialects/{name}", "/dialects/standard")
            .replace("/shaping/{receiver}", "/shaping/google")
        )
        if "{" in path:
            path = (
                path[: path.index("{")]
                + quote(str(getattr(self.theirs, NAMED[room])), safe="@")
                + path[path.index("}") + 1 :]
            )
        octets = OCTETS.get(each.id, b"") if each.takes else b"" if body is None else json.dumps(body).encode()
        lines = {
            "Host": "x",
            "Authorization": f"Bearer {token}",
            "Content-Type": each.takes or "application/json",
            "Content-Length": str(len(octets)),
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        asked = f"?{urlencode(query)}" if query else ""
        wire = Wire(self.site)
        wire.send(f"{each.method} /api/v1{path}{asked} HTTP/1.1\r\n{text}\r\n".encode() + octets)
        return wire.answer(each.method)

    def body_of(self, each: Operation) -> Any:
        if each.body is None:
            return None
        given = {
            name: field.examples[0]
            for name, field in each.body.model_fields.items()
            if field.is_required() and field.examples
        } | BODIES.get(each.id, {})
        if "account" in each.body.model_fields:
            given["account"] = "other"
        return given

    def query_of(self, each: Operation) -> dict[str, str]:
        known = each.query.model_fields
        query = dict(QUERIES.get(each.id, {}))
        if "{" not in each.path:
            if "account" in known:
                query["account"] = "other"
            elif "connection" in known:
                query["connection"] = self.theirs.connection
        return query

    def test_every_operation(self) -> None:
        """Whatever is asked of what belongs to another account is 404 as if there were none, what is an administrator's
        403, and nothing of it changes; an operation that is new is asked, too."""
        self.done(tokens.bearer(self.place, self.token, "192.0.2.1"))  # from here on its last use is known
        faults, before = [], state(self, self.theirs)
        for each in EVERY:
            answer = self.ask(each, self.query_of(each), self.body_of(each), self.token)
            closed = each.administrator or each.id in CLOSED
            wanted = 200 if each.id in LISTS else 403 if closed else 404
            if answer.status != wanted:
                faults.append(f"{each.id}: {answer.status} {answer.text[:200]}")
        self.assertEqual(faults, [])
        self.assertEqual(state(self, self.theirs), before)

    def test_lists(self) -> None:
        """Lists and counts without a name show nothing of another account."""
        secrets = {str(value) for value in vars(self.theirs).values()} - {"", "greeting", "eu"}
        self.assertGreater(len(secrets), 10)
        faults, seen = [], 0
        for each in EVERY:
            if each.method != "GET" or "{" in each.path or each.administrator:
                continue
            answer = self.ask(each, {**QUERIES.get(each.id, {}), **ALL.get(each.id, {})}, None, self.token)
            seen += answer.status == 200
            found = [secret for secret in secrets if secret in answer.text]
            if answer.status not in (200, 404) or found:
                faults.append(f"{each.id}: {answer.status} {found} {answer.text[:200]}")
        self.assertEqual(faults, [])
        self.assertGreater(seen, 18)

    def test_can_fail(self) -> None:
        """The same questions by the account itself are not 404: the sweep can fail."""
        theirs = self.done(tokens.create(self.place, tokens.Wanted("theirs", "other"))).secret
        unseen = []
        for each in EVERY:
            if each.method == "GET" and not each.administrator and each.id != "domain_check":
                answer = self.ask(each, self.query_of(each), None, theirs)
                if answer.status != 200:
                    unseen.append(f"{each.id}: {answer.status} {answer.text[:200]}")
        self.assertEqual(unseen, [])

    def test_scopes(self) -> None:
        """Every scope that an operation asks for is one that a token can have."""
        self.assertEqual({each.scope for each in EVERY} - set(scopes.SCOPES), set())
