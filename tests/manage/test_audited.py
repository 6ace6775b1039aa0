"""The audit log: what is changed is noted, and nothing secret."""

from __future__ import annotations

import importlib
import json
import pkgutil
from inspect import isfunction

from mailrelay import manage
from mailrelay.interfaces.changes import Change, Wanted
from mailrelay.manage import accounts, changes, connections, domains, persons, routes, sessions, suppressions, users
from mailrelay.manage.caller import Caller
from mailrelay.manage.errors import Taken, Unknown

from .place import InstallationTestCase

#: Use cases that change nothing, and those that are noted in another way.
READ = {
    "check", "confirmation", "every", "export", "find", "holder", "keys", "message", "page", "preflight", "receipts",
    "refusals", "render", "report", "senders", "show", "try_out", "versions", "watch", "parts", "passages",
    "destinations", "classes", "count", "preview", "source", "rendered", "makers", "bearer", "variables", "quote",
    "search", "content", "paused", "suppressed",
}  # fmt: skip
ELSEWHERE = {
    "happened.cursor": "reads",
    "files.begin": "files.add, and the end of an upload",
    "senders.ask": "senders.request, which it goes by",
    "sending.send": "a message is its own record",
    "own.every_session": "reads",
    "own.offered": "reads",
    "own.show": "reads",
    "own.begin_totp": "noted by users.begin_totp",
    "own.change_password": "noted by users.set_password",
    "own.confirm_totp": "noted by users.confirm_totp",
    "own.remove_totp": "noted by users.remove_totp",
    "own.end_other_sessions": "notes it as the user",
    "own.end_session": "notes it as the user",
    "sessions.sign_in": "notes it as the user",
    "sessions.sign_out": "notes it as the user",
    "sessions.act_for": "notes it as the user",
    "sessions.sweep": "a chore over what has ended",
    "orders.grant": "notes the decision, and not its repetition",
    "orders.refuse": "notes the decision, and not its repetition",
    "orders.withdraw": "notes the decision, and not its repetition",
    "plans.turn": "a chore: the ledger has an entry of it",
    "route_test.test": "sends no message",
}


class AuditedTests(InstallationTestCase):
    """What stands in the log."""

    def log(self, **wanted: str) -> list[Change]:
        return list(self.done(changes.page(self.place, Wanted(**wanted))))  # type: ignore[arg-type]

    def test_every_change(self) -> None:
        """Each use case is one that only reads, is noted, or says here why not: a new one cannot forget."""
        missed, actions = [], []
        for module in pkgutil.iter_modules(manage.__path__):
            found = importlib.import_module(f"mailrelay.manage.{module.name}")
            for name, function in vars(found).items():
                if not isfunction(function) or function.__module__ != found.__name__ or name.startswith("_"):
                    continue
                if action := getattr(function, "action", ""):
                    actions.append(action)
                elif getattr(function, "use_case", False):
                    full = f"{module.name}.{name}"
                    if name not in READ and full not in ELSEWHERE:
                        missed.append(full)
        self.assertEqual(missed, [])
        self.assertGreater(len(actions), 60)

    def test_noted(self) -> None:
        """By whom, when, from where, what, on which object, and for which account an administrator acted."""
        account = self.account()
        mine = self.place
        self.place = mine.asked_by(Caller("user", "root", acting=account.id, address="192.0.2.1"))
        made = self.connection(name="web2").connection
        self.place = mine
        entry = self.log(action="connection")[0]
        self.assertEqual(
            (entry.kind, entry.who, entry.address, entry.acting, entry.action, entry.account, entry.object, entry.name),
            ("user", "root", "192.0.2.1", account.id, "connection.create", account.id, made.id, "web2"),
        )
        self.assertEqual(entry.at, self.at)
        told = changes.plain(entry, {account.id: "shop"})
        self.assertEqual((told["account"], told["acting_for"], told["by"]), ("shop", "shop", "root"))
        self.assertEqual(json.loads(entry.details)["sender"], "news@shop.example")

    def test_not_noted(self) -> None:
        """What was refused, or found nothing to do, changed nothing, and is not noted."""
        self.account()
        before = self.log()
        self.refused(accounts.create(self.place, "shop"), Taken)
        self.done(domains.provide_keys(self.place))
        self.assertEqual(self.log(), before)

    def test_no_secret(self) -> None:
        """Neither passwords nor codes nor the address of somebody who was erased stand in it."""
        self.account()
        issued = self.connection()
        new = self.done(connections.new_password(self.place, issued.connection.id, "chosen-secret-one"))
        user = self.done(users.add(self.place, "ann", "shop", "chosen-secret-two"))
        self.done(users.set_password(self.place, "ann", "chosen-secret-three"))
        offered = self.done(users.begin_totp(self.place, "ann"))
        wanted = routes.Wanted(["a.example:25"], "eu", "shop", username="u", password="chosen-secret-four")
        self.done(routes.add(self.place, wanted))
        self.done(routes.change(self.place, "shop", "eu", {"password": "chosen-secret-five"}))
        self.done(suppressions.add(self.place, "shop", ["secret-person@example.net"]))
        self.done(persons.erase(self.place, "shop", "secret-person@example.net"))
        signed = self.done(sessions.sign_in(self.place, "ann", "chosen-secret-three"))
        text = repr(self.log())
        for secret in ("secret-", issued.password, new.password, user.password, offered.secret, signed.token):
            self.assertNotIn(secret, text)
        self.assertIn("route.change", text)
        self.assertIn("session.sign-in", text)

    def test_own(self) -> None:
        """A12: a member sees what was changed of their account alone, whatever they ask for."""
        account = self.account()
        self.done(accounts.create(self.place, "other"))
        member = self.place.asked_by(Caller("user", "ann", administrator=False, account=account.id))
        for wanted in (Wanted(), Wanted(account=account.id)):
            found = self.done(changes.page(member, wanted))
            self.assertEqual({each.account for each in found}, {account.id})
        self.refused(changes.page(member, Wanted(account="other")), Unknown)
