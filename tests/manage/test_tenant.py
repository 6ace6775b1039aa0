"""Tenant isolation: every interface and every use case, seen from an account to which nothing of it belongs (A12)."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from inspect import isfunction, signature
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface.interface import InterfaceClass, Method

from mailrelay import manage
from mailrelay.interfaces import posting, route_tests, web_version
from mailrelay.interfaces.changes import Wanted as WantedChanges
from mailrelay.interfaces.submission import Peer
from mailrelay.manage import (
    accounts,
    changes,
    connections,
    content,
    deliveries,
    domain_checks,
    domains,
    entries,
    explain,
    export,
    files,
    happened,
    imports,
    installation,
    keys,
    messages,
    orders,
    persons,
    plans,
    prices,
    queue,
    resend,
    routes,
    senders,
    sending,
    sessions,
    statistics,
    suppressions,
    templates,
    today,
    tokens,
    users,
    webhooks,
)
from mailrelay.manage.caller import USER, Caller
from mailrelay.manage.errors import Forbidden, Invalid, Taken, Unknown
from mailrelay.manage.installation import Installation
from mailrelay.manage.queue import Which
from mailrelay.manage.tenant.base import Narrowed
from mailrelay.policy.domain_check import Relay

from .place import InstallationTestCase
from .theirs import SENT, Theirs, fill, state

#: What of an installation is the same for every account, and why that shows nobody anything of another.
SHARED = {
    "answers": "each caller has its own, by its id",
    "renderer": "templates are given to it whole",
    "vault": "what is sealed stands in the interfaces above",
    "dialects": "data of the program",
    "shaping": "files of the machine, with nothing of an account in them",
    "resolver": "the public DNS",
    "relay": "who we are on the network",
    "public_url": "where the links of all mail lead",
    "counters": "who guesses is held back, whoever it is",
    "caller": "who asks",
    "whole": "for `asked_by` alone",
}


class Post:
    """A post office that takes nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AssertionError("nothing of another account gets here")


class NarrowedTests(InstallationTestCase):
    """The interfaces."""

    def setUp(self) -> None:
        super().setUp()
        office: Any = Post()
        self.place = replace(self.place, posts=office, route_tests=office, web_versions=office)
        self.shop = self.account()
        self.view = self.place.asked_by(Caller(USER, "ann", "U1", False, self.shop.id))

    def test_every_interface(self) -> None:
        """Each thing that an installation holds is narrowed, is a value or a function, or says here why not."""
        missed = []
        for field in fields(Installation):
            before, after = getattr(self.place, field.name), getattr(self.view, field.name)
            plain = isinstance(before, bool | frozenset) or callable(before) or field.name == "reach"
            if field.name not in SHARED and not plain and not isinstance(after, Narrowed):
                missed.append(field.name)
        self.assertEqual(missed, [])

    def test_every_method(self) -> None:
        """Each method of an interface is narrowed, with the parameters that it has, or closed for a reason: a new one
        cannot be forgotten."""
        faults, seen = [], 0
        for name, view in self.views():
            for method, described in self.interface_of(name).namesAndDescriptions():
                seen += 1
                narrowed = vars(type(view)).get(method)
                if method in type(view).CLOSED:
                    if narrowed is not None:
                        faults.append(f"{name}.{method} is closed and open")
                elif narrowed is None:
                    faults.append(f"{name}.{method} was forgotten")
                elif isinstance(described, Method):
                    told = [each for each in signature(narrowed).parameters if each != "self"]
                    if tuple(told) != (*described.positional,):
                        faults.append(f"{name}.{method} takes {told}")
        self.assertEqual(faults, [])
        self.assertGreater(seen, 100)

    def test_closed(self) -> None:
        """What is closed, and what nobody knows, is forbidden, and says why."""
        registry: Any = self.view.registry
        self.assertIn("no others", self.refused(registry.add_account(self.shop), Forbidden))
        self.refused(registry.of_tomorrow("x", y=1), Forbidden)
        self.refused(self.view.registry.setting("paused"), Forbidden)
        self.refused(self.view.registry.put_setting("paused", "1"), Forbidden)
        self.refused(self.view.tls_reports.every(), Forbidden)
        self.assertRaises(AttributeError, getattr, registry, "__deepcopy__")

    def test_asked_by_another(self) -> None:
        """A view gives the whole installation back to who is bound to no account, and another's to another."""
        other = self.account("other", domain="other.example")
        self.assertEqual(len(self.done(self.view.asked_by(Caller()).registry.accounts())), 2)
        theirs = self.view.asked_by(Caller(USER, "bob", "U2", False, other.id))
        self.assertEqual(self.done(accounts.find(theirs, "")), other)

    def views(self) -> Iterator[tuple[str, Narrowed[Any]]]:
        for field in fields(Installation):
            view = getattr(self.view, field.name)
            if isinstance(view, Narrowed):
                yield field.name, view

    def interface_of(self, name: str) -> InterfaceClass:
        found: Any = {
            "posts": posting.IPostOffice,
            "route_tests": route_tests.IRouteTests,
            "web_versions": web_version.IWebVersions,
        }.get(name)
        if found is None:
            hinted = str(next(each.type for each in fields(Installation) if each.name == name))
            found = vars(installation)[hinted]
        assert isinstance(found, InterfaceClass)
        return found


Call = Callable[[Installation, "Theirs"], Deferred[Any]]


def queued(theirs: Theirs) -> Which:
    return Which(id=theirs.message)


PEER = Peer("192.0.2.1", "api", "S")
RELAY = Relay("relay.example", "bounces.example")
RESOLVER: Any = Post()

#: Each fails with `Unknown`, whatever of the other account it names: by name or by id.
NAMED: Mapping[str, Call] = {
    "accounts.find": lambda p, t: accounts.find(p, t.account),
    "accounts.change": lambda p, t: accounts.change(p, t.account, {"zone": "UTC"}),
    "changes.page": lambda p, t: changes.page(p, WantedChanges(account=t.account)),
    "connections.create": lambda p, t: connections.create(
        p, connections.Wanted(t.account, "mine", "standard", "a@b.example")
    ),
    "connections.every": lambda p, t: connections.every(p, t.account),
    "connections.find": lambda p, t: connections.find(p, t.connection),
    "connections.reveal": lambda p, t: connections.reveal(p, t.connection),
    "connections.activate": lambda p, t: connections.activate(p, t.connection),
    "connections.block": lambda p, t: connections.block(p, t.connection),
    "connections.new_password": lambda p, t: connections.new_password(p, t.connection),
    "connections.new_api_key": lambda p, t: connections.new_api_key(p, t.connection),
    "connections.short_password": lambda p, t: connections.short_password(p, t.connection),
    "connections.revoke": lambda p, t: connections.revoke(p, t.connection, "api-key"),
    "connections.set_networks": lambda p, t: connections.set_networks(p, t.connection, []),
    "connections.add_networks": lambda p, t: connections.add_networks(p, t.connection, ["192.0.2.0/24"]),
    "connections.remove_networks": lambda p, t: connections.remove_networks(p, t.connection, ["192.0.2.0/24"]),
    "connections.set_sender": lambda p, t: connections.set_sender(p, t.connection, "x@shop.example"),
    "connections.set_options": lambda p, t: connections.set_options(p, t.connection, {"track_opens": "no"}),
    "domain_checks.check": lambda p, t: domain_checks.check(p, RESOLVER, RELAY, "", t.domain),
    "content.source": lambda p, t: content.source(p, t.message),
    "content.rendered": lambda p, t: content.rendered(p, t.recipient),
    "domain_checks.verify": lambda p, t: domain_checks.verify(p, RESOLVER, RELAY, "", t.domain),
    "domain_checks.rotate": lambda p, t: domain_checks.rotate(p, None, RELAY, "", t.domain),
    "domains.add": lambda p, t: domains.add(p, t.account, "new.example"),
    "domains.keys": lambda p, t: domains.keys(p, "", t.domain),
    "domains.add_keys": lambda p, t: domains.add_keys(p, "", t.domain),
    "domains.use_keys": lambda p, t: domains.use_keys(p, "", t.domain),
    "domains.every": lambda p, t: domains.every(p, t.account),
    "domains.remove": lambda p, t: domains.remove(p, "", t.domain),
    "domains.add_sender": lambda p, t: domains.add_sender(p, t.account, "y@other.example"),
    "domains.senders": lambda p, t: domains.senders(p, t.account),
    "domains.remove_sender": lambda p, t: domains.remove_sender(p, "", t.sender),
    "explain.message": lambda p, t: explain.message(p, t.message),
    "explain.refusals": lambda p, t: explain.refusals(p, t.connection),
    "export.export": lambda p, t: export.export(p, Which(account=t.account), (), "csv", _nowhere),
    "export.suppressed": lambda p, t: export.suppressed(p, t.account, {}, _nowhere),
    "files.begin": lambda p, t: files.begin(p, t.account, "a.png"),
    "files.add": lambda p, t: files.add(p, t.account, "a.txt", b"x"),
    "files.every": lambda p, t: files.every(p, t.account),
    "files.find": lambda p, t: files.find(p, "", t.file),
    "files.content": lambda p, t: files.content(p, "", t.file),
    "files.remove": lambda p, t: files.remove(p, "", t.file),
    "happened.page": lambda p, t: happened.page(p, happened.Wanted(connection=t.connection)),
    "keys.holder": lambda p, t: keys.holder(p, t.token, ("standard",), "192.0.2.1"),
    "messages.every": lambda p, t: messages.every(p, Which(id=t.message)),
    "messages.page": lambda p, t: messages.page(p, Which(connection=t.connection)),
    "messages.find": lambda p, t: messages.find(p, t.message),
    "entries.page": lambda p, t: entries.page(p, t.account),
    "orders.request": lambda p, t: orders.request(p, t.account, 1000),
    "orders.find": lambda p, t: orders.find(p, t.order),
    "orders.page": lambda p, t: orders.page(p, t.account),
    "orders.withdraw": lambda p, t: orders.withdraw(p, t.order),
    "prices.find": lambda p, t: prices.find(p, t.price),
    "prices.quote": lambda p, t: prices.quote(p, t.account, 1000),
    "persons.erase": lambda p, t: persons.erase(p, t.account, "ann@b.test"),
    "persons.receipts": lambda p, t: persons.receipts(p, t.account),
    "plans.show": lambda p, t: plans.show(p, t.account),
    "queue.passages": lambda p, t: queue.passages(p, queued(t)),
    "queue.destinations": lambda p, t: queue.destinations(p, queued(t)),
    "queue.classes": lambda p, t: queue.classes(p, queued(t)),
    "queue.count": lambda p, t: queue.count(p, queued(t)),
    "queue.retry": lambda p, t: queue.retry(p, queued(t)),
    "queue.hold": lambda p, t: queue.hold(p, queued(t)),
    "queue.release": lambda p, t: queue.release(p, queued(t)),
    "queue.drop": lambda p, t: queue.drop(p, Which(id=t.recipient)),
    "queue.expire": lambda p, t: queue.expire(p, Which(id=t.recipient)),
    "resend.resend": lambda p, t: resend.resend(p, t.message, ["me@shop.example"]),
    "routes.find": lambda p, t: routes.find(p, "", t.route),
    "routes.every": lambda p, t: routes.every(p, t.account),
    "senders.ask": lambda p, t: senders.ask(replace(p, public_url="https://p.example"), t.account, "z@b.test"),
    "senders.request": lambda p, t: senders.request(p, t.account, "z@b.test", "https://p.example", "h.example"),
    "sending.send": lambda p, t: sending.send(p, sending.Wanted(t.connection, raw=b"x", return_path=""), PEER),
    "sending.preflight": lambda p, t: sending.preflight(p, sending.Wanted(t.connection, raw=b"x"), PEER),
    "sessions.every": lambda p, t: sessions.every(p, t.user),
    "sessions.end_all": lambda p, t: sessions.end_all(p, t.user),
    "statistics.report": lambda p, t: statistics.report(p, statistics.Asked(connection=t.connection)),
    "statistics.parts": lambda p, t: statistics.parts(p, statistics.Asked(connection=t.connection, by="tag")),
    "suppressions.add": lambda p, t: suppressions.add(p, t.account, ["x@b.test"]),
    "suppressions.every": lambda p, t: suppressions.every(p, t.account),
    "suppressions.find": lambda p, t: suppressions.find(p, "", t.suppressed),
    "suppressions.remove": lambda p, t: suppressions.remove(p, "", [t.suppressed]),
    "suppressions.undo": lambda p, t: suppressions.undo(p, t.account, suppressions.Cause("manual")),
    "suppressions.take_in": lambda p, t: suppressions.take_in(p, t.account, ["address", "x@b.test"]),
    "suppressions.search": lambda p, t: suppressions.search(p, t.account),
    "imports.bring": lambda p, t: imports.bring(p, t.account, "x@b.test"),
    "imports.every": lambda p, t: imports.every(p, t.account),
    "templates.create": lambda p, t: templates.create(p, t.account, {"text": "x"}, "mine"),
    "templates.edit": lambda p, t: templates.edit(p, "", t.template, {"text": "mine"}),
    "templates.every": lambda p, t: templates.every(p, t.account),
    "templates.find": lambda p, t: templates.find(p, "", t.template),
    "templates.versions": lambda p, t: templates.versions(p, "", t.template),
    "templates.restore": lambda p, t: templates.restore(p, "", t.template, 1),
    "templates.remove": lambda p, t: templates.remove(p, "", t.template),
    "templates.render": lambda p, t: templates.render(p, "", t.template, "{}"),
    "tokens.create": lambda p, t: tokens.create(p, tokens.Wanted("mine", t.account)),
    "tokens.every": lambda p, t: tokens.every(p, t.account),
    "tokens.find": lambda p, t: tokens.find(p, t.api_token),
    "tokens.revoke": lambda p, t: tokens.revoke(p, t.api_token),
    "today.show": lambda p, t: today.show(p, t.account),
    "users.every": lambda p, t: users.every(p, t.account),
    "users.find": lambda p, t: users.find(p, t.user),
    "users.set_password": lambda p, t: users.set_password(p, t.user),
    "users.begin_totp": lambda p, t: users.begin_totp(p, t.user),
    "users.confirm_totp": lambda p, t: users.confirm_totp(p, t.user, "000000"),
    "users.remove_totp": lambda p, t: users.remove_totp(p, t.user),
    "deliveries.every": lambda p, t: deliveries.every(p, t.webhook),
    "deliveries.find": lambda p, t: deliveries.find(p, t.webhook, SENT.id),
    "deliveries.preview": lambda p, t: deliveries.preview(p, t.webhook, SENT),
    "webhooks.add": lambda p, t: webhooks.add(p, webhooks.Wanted("https://hook.example/", account=t.account)),
    "webhooks.every": lambda p, t: webhooks.every(p, t.account),
    "webhooks.find": lambda p, t: webhooks.find(p, t.webhook),
    "webhooks.remove": lambda p, t: webhooks.remove(p, t.webhook),
    "webhooks.enable": lambda p, t: webhooks.enable(p, t.webhook),
    "webhooks.disable": lambda p, t: webhooks.disable(p, t.webhook),
    "webhooks.replay": lambda p, t: webhooks.replay(p, t.webhook, "", 0),
    "webhooks.test": lambda p, t: webhooks.test(p, t.webhook),
    "webhooks.change": lambda p, t: webhooks.change(p, t.webhook, {"name": "mine"}),
    "webhooks.replay_one": lambda p, t: webhooks.replay_one(p, t.webhook, SENT.event),
    "webhooks.stop_replay": lambda p, t: webhooks.stop_replay(p, t.webhook),
}

#: Lists of all that a caller sees, which must be empty for an account that has nothing.
LISTS: Mapping[str, Call] = {
    "accounts.every": lambda p, t: accounts.every(p),
    "changes.page": lambda p, t: changes.page(p, WantedChanges()),
    "connections.every": lambda p, t: connections.every(p),
    "domains.every": lambda p, t: domains.every(p),
    "domains.senders": lambda p, t: domains.senders(p),
    "explain.refusals": lambda p, t: explain.refusals(p),
    "files.every": lambda p, t: files.every(p),
    "happened.page": lambda p, t: happened.page(p, happened.Wanted()).addCallback(lambda page: page.events),
    "messages.every": lambda p, t: messages.every(p, Which()),
    "messages.page": lambda p, t: messages.page(p, Which()).addCallback(lambda page: page.passages),
    "entries.page": lambda p, t: entries.page(p).addCallback(lambda page: [e for e in page.entries if e.amount]),
    "orders.page": lambda p, t: orders.page(p),
    "persons.receipts": lambda p, t: persons.receipts(p),
    "plans.every": lambda p, t: plans.every(p),
    "prices.every": lambda p, t: prices.every(p),
    "queue.passages": lambda p, t: queue.passages(p, Which()),
    "queue.destinations": lambda p, t: queue.destinations(p, Which()),
    "queue.classes": lambda p, t: queue.classes(p, Which()),
    "queue.count": lambda p, t: queue.count(p, Which(all=True)),
    "queue.drop": lambda p, t: queue.drop(p, Which(all=True)),
    "queue.hold": lambda p, t: queue.hold(p, Which(domain="b.test")),
    "routes.every": lambda p, t: routes.every(p),
    "statistics.report": lambda p, t: statistics.report(p, statistics.Asked()).addCallback(
        lambda report: report.counts["accepted"]
    ),
    "statistics.parts": lambda p, t: statistics.parts(p, statistics.Asked(by="tag")),
    "suppressions.every": lambda p, t: suppressions.every(p),
    "suppressions.search": lambda p, t: suppressions.search(p, "").addCallback(lambda page: page.suppressions),
    "imports.every": lambda p, t: imports.every(p),
    "suppressions.undo": lambda p, t: suppressions.undo(p, "", suppressions.Cause("manual")),
    "templates.every": lambda p, t: templates.every(p),
    "tokens.every": lambda p, t: tokens.every(p),
    "tokens.makers": lambda p, t: tokens.makers(p),
    "today.show": lambda p, t: today.show(p).addCallback(lambda found: found.counts["accepted"]),
    "users.every": lambda p, t: users.every(p),
    "webhooks.every": lambda p, t: webhooks.every(p),
}

#: Use cases that know of no account, and why that is well.
WITHOUT = {
    "happened.cursor": "numbers of events tell only how much there is",
    "shaping.every": "rules are the same for every account",
    "shaping.find": "rules are the same for every account",
    "link_keys.confirmation": "made by `senders.request` for the account that asks",
    "own.begin_totp": "done by whoever sits in a session, to themselves",
    "own.change_password": "done by whoever sits in a session, to themselves",
    "own.confirm_totp": "done by whoever sits in a session, to themselves",
    "own.end_other_sessions": "done by whoever sits in a session, to themselves",
    "own.end_session": "done by whoever sits in a session, to themselves",
    "own.every_session": "done by whoever sits in a session, to themselves",
    "own.offered": "done by whoever sits in a session, to themselves",
    "own.remove_totp": "done by whoever sits in a session, to themselves",
    "own.show": "done by whoever sits in a session, to themselves",
    "sessions.sign_in": "whoever signs in is nobody yet",
    "sessions.find": "a session's token is found by itself",
    "sessions.sign_out": "a session's token is found by itself",
    "sessions.act_for": "judged by whose session it is",
    "tokens.bearer": "a token is found by itself",
    "files.received": "the upload was begun for an account",
    "templates.try_out": "the texts are given with it",
    "templates.variables": "the texts are given with it",
}


async def _nowhere(_: str) -> None:
    """Writes nothing."""


class UseCaseTests(InstallationTestCase):
    """The use cases: two accounts, and all that there is belongs to the other one."""

    def setUp(self) -> None:
        super().setUp()
        office: Any = Post()
        self.place = replace(self.place, posts=office)
        self.theirs = Theirs()
        self.mine = self.done(accounts.create(self.place, "mine"))
        fill(self, self.theirs)
        self.bound = self.place.asked_by(Caller(USER, "ann", "U1", False, self.mine.id))

    def test_every_use_case(self) -> None:
        """Each use case is for administrators alone, stands in the tables of this test, or needs no account: a new one
        cannot be forgotten (A12)."""
        told = set(NAMED) | set(LISTS) | set(WITHOUT)
        found = dict(use_cases())
        missed = [name for name, function in found.items() if name not in told and not _closed(function)]
        self.assertEqual(missed, [])
        self.assertEqual(sorted(told - set(found)), [])

    def test_others(self) -> None:
        """What belongs to another account is unknown by id and by name, whatever is asked of it, and stays as it was
        (A12)."""
        before, faults = state(self, self.theirs), []
        for name, call in NAMED.items():
            seen: list[Any] = []
            call(self.bound, self.theirs).addBoth(seen.append)
            if not seen or not isinstance(getattr(seen[0], "value", None), Unknown):
                faults.append(f"{name}: {seen}")
        self.assertEqual(faults, [])
        self.assertEqual(state(self, self.theirs), before)

    def test_lists(self) -> None:
        """Lists show nothing of another account, and what is done to all is done to none of another's (A12)."""
        before, faults = state(self, self.theirs), []
        for name, call in LISTS.items():
            found = self.done(call(self.bound, self.theirs))
            if name in ("accounts.every", "changes.page"):  # that there is an account, and was made
                found = [each for each in found if getattr(each, "account", each.id) != self.mine.id]
            if found:
                faults.append(f"{name}: {found}")
        self.assertEqual(faults, [])
        self.assertEqual(state(self, self.theirs), before)

    def test_seen_by_its_owner(self) -> None:
        """The same questions, asked by the other account itself, find something: the tables can fail."""
        bob = self.done(users.find(self.place, "bob"))
        theirs = self.place.asked_by(Caller(USER, "bob", bob.id, False, bob.account))
        reading = {name for name, function in use_cases() if not getattr(function, "action", "")}
        reading -= {"content.rendered", "domain_checks.check", "sending.send", "sending.preflight"}  # they ask others
        unseen = []
        for name in sorted(reading & set(NAMED)):
            seen: list[Any] = []
            NAMED[name](theirs, self.theirs).addBoth(seen.append)
            if isinstance(seen[0], Failure):
                unseen.append(f"{name}: {seen[0].value}")
        self.assertEqual(unseen, [])
        self.assertGreater(len(reading & set(NAMED)), 25)

    def test_administrators_only(self) -> None:
        """What only administrators may do is forbidden to a member before anything is looked at."""
        closed = [function for _, function in use_cases() if _closed(function)]
        self.assertGreater(len(closed), 20)
        for function in closed:
            self.assertIn("only an administrator", self.refused(function(self.bound), Forbidden))

    def test_documented(self) -> None:
        """The table of docs/users.md names what only administrators may do, and nothing else."""
        text = (Path(__file__).parents[2] / "docs" / "users.md").read_text(encoding="utf-8")
        table = text.partition("| what | use cases |")[2].partition("\n\n")[0]
        told = re.findall(r"`(\w+\.\w+)`", table)
        self.assertEqual(sorted(told), sorted(name for name, function in use_cases() if _closed(function)))

    def test_in_part(self) -> None:
        """Of what a member may do, some is an administrator's: weights, bounds of a connection, letting a blocked one
        go on, the word that a domain is verified, and how somebody else signs in."""
        place = self.place
        self.account("third", domain="third.example")
        ann = self.done(users.add(place, "ann", "third")).user
        carl = self.done(users.add(place, "carl", "third")).user
        made = self.connection(account="third", name="web", dialect="standard", sender="n@third.example").connection
        member = place.asked_by(Caller(USER, "ann", ann.id, False, ann.account))
        for refused in (
            accounts.change(member, "", {"weight": "5"}),
            connections.set_options(member, made.id, {"daily_limit": "0"}),
            domains.add(member, "", "new.example", verified=True),
            users.set_password(member, "carl"),
            users.remove_totp(member, "carl"),
            sessions.end_all(member, "carl"),
            sessions.every(member, carl.id),
        ):
            self.refused(refused, Forbidden)
        self.done(connections.block(member, made.id))
        self.refused(connections.activate(member, made.id), Forbidden)
        self.done(users.set_password(member, "ann"))
        self.assertEqual(self.done(domains.add(member, "", "new.example")).account, ann.account)
        # what belongs to all if nothing is said belongs to the account where that is the only one
        self.assertEqual(self.done(templates.create(member, "", {"text": "x"}, "t")).account, ann.account)
        self.assertEqual(self.done(files.add(member, "", "a.txt", b"x")).account, ann.account)
        self.assertEqual(self.done(webhooks.add(member, webhooks.Wanted("https://h.example/"))).account, ann.account)

    def test_names_of_others(self) -> None:
        """A user name that another account has is not given out a second time, though nobody sees that it is taken."""
        self.done(domains.add(self.place, "mine", "other.example"))
        wanted = connections.Wanted("", "theirs", "standard", "a@other.example")
        first = self.connection(account="other", name="one", dialect="standard", sender="news@other.example")
        taken = {each.username for each in self.done(connections.every(self.place)) for each in each.credentials}
        made = self.done(connections.create(self.bound, wanted))
        self.assertNotIn(made.username, taken | {first.username})
        self.refused(connections.create(self.bound, replace(wanted, name="x", username=first.username)), Taken)

    def test_acting(self) -> None:
        """An administrator who acts for an account sees what its members see, and themselves."""
        root = self.done(users.add(self.place, "root")).user
        acting = self.place.asked_by(Caller(USER, "root", root.id, True, acting=self.mine.id))
        self.refused(connections.find(acting, self.theirs.connection), Unknown)
        self.assertEqual(self.done(users.find(acting, "root")), root)
        self.refused(users.find(acting, "bob"), Unknown)
        self.assertEqual(self.done(accounts.top_up(acting, "mine", 5)).balance, 5)
        self.refused(accounts.create(acting, "more"), Forbidden)
        self.refused(users.set_role(acting, "root", "mine"), Invalid)


def use_cases() -> Iterator[tuple[str, Callable[..., Deferred[Any]]]]:
    """Every use case by the name of its module and its own."""
    for module in pkgutil.iter_modules(manage.__path__):
        found = importlib.import_module(f"mailrelay.manage.{module.name}")
        for name, function in vars(found).items():
            own = isfunction(function) and function.__module__ == found.__name__
            if own and (getattr(function, "action", "") or getattr(function, "use_case", False)):
                yield f"{module.name}.{name}", function


def _closed(function: object) -> bool:
    return getattr(function, "administrators_only", False)
