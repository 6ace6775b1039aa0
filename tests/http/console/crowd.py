"""Two accounts before one console, one of them full of what strangers may write; and every route that the console has.

Whatever a stranger can fill (H11) holds an element that a page must never have. It is put into the store past the
checks that would refuse some of it, so that no page relies on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import quote

from klein import Klein
from werkzeug.routing import Rule

from mailrelay.http import app as app_module
from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.registry import Connection, NewCredential, Sender, Suppression
from mailrelay.interfaces.routes import StoredRoute
from mailrelay.interfaces.webhooks import Delivery
from mailrelay.mail.envelope import Instructions, Settlement, State
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.manage import accounts, domains, files, templates, users, webhooks
from tests.store.worlds import new_id, submission

from .visiting import Visiting

#: What must never become an element: it breaks out of texts, attributes of both quotes, comments and scripts.
EVIL = "\"'--></script></textarea></title><img id=xss src=x onerror=alert(1)>"
#: How it begins where it was not escaped.
ELEMENT = "<img id=xss"
_HOLE = re.compile(r"<(?:\w+:)?(\w+)>")


class Crowd(Visiting):
    """`zebra` is the account that is full, of which `things` are the ids; mia is a member of "shop", zoe of it."""

    def setUp(self) -> None:
        made: list[Klein] = []

        class Recorded(Klein):
            def __init__(self) -> None:
                super().__init__()
                made.append(self)

        self.patch(app_module, "Klein", Recorded)
        super().setUp()
        self.map = made[0].url_map
        self.root = self.cookie
        self.zebra = self.successResultOf(accounts.create(self.place, "zebra", 1000)).id
        self.mia = self.sign_in("mia", "shop")
        self.zoe = self.sign_in("zoe", "zebra")
        self.things = self.fill()
        self.cookie = self.root

    def sign_in(self, name: str, account: str = "") -> str:
        """The cookie of somebody new."""
        made = self.successResultOf(users.add(self.place, name, account))
        self.cookie = ""
        return self.post("/console/sign-in", name=name, password=made.password).headers["set-cookie"].partition(";")[0]

    def fill(self) -> list[str]:
        """Put something of everything into the full account; gives the ids that stand in paths."""
        done, store, at = self.successResultOf, self.store, self.place.now()
        zebra = self.zebra
        done(domains.add(self.place, "zebra", "zebra.test", verified=True))
        connection = Connection(
            new_id(), zebra, f"zebra {EVIL}", "standard", f"{EVIL}@zebra.test", "blocked", f"zebra {EVIL}",
            ("192.0.2.0/24",), 0, 60, 1, at, (NewCredential(new_id(), EVIL, "generated", "d", ""),),
        )  # fmt: skip
        done(store.registry.add_connection(connection))
        done(store.registry.add_sender(Sender(zebra, f"{EVIL}@zebra.test", at, f"{EVIL}@zebra.test")))
        done(store.registry.add_suppression(Suppression(zebra, f"{EVIL}@x.test", f"{EVIL}@x.test", "manual", EVIL, at)))
        source = f"From: {EVIL} <a@zebra.test>\r\nSubject: zebra\r\nX-Evil: {EVIL}\r\n\r\n<p>zebra</p>\r\n".encode()
        told = Instructions(tag=EVIL, client_ref=EVIL, metadata={EVIL: EVIL})
        mail = submission(zebra, connection.id, [f"zebra{EVIL}@x.test", "b@x.test"], at, source=source,
                          verdicts=({"rule": EVIL, "allowed": True, "facts": {"ehlo": EVIL, EVIL: [EVIL]}},),
                          instructions=told)  # fmt: skip
        mail = replace(mail, subject=f"zebra {EVIL}", sender=f"{EVIL}@zebra.test", peer="192.0.2.1")
        done(store.ledger.accept(mail, True))
        bounced, waits = mail.recipients
        gone = Reply(550, "5.1.1", f"zebra {EVIL}")
        done(store.ledger.settle(Settlement(bounced.id, State.BOUNCED, reply=gone, host=EVIL, at=at, charge="capture")))
        done(store.ledger.settle(Settlement(waits.id, State.DEFERRED, due_at=at + 10**9, reply=gone, host=EVIL, at=at)))
        for act in (Event.OPENED, Event.CLICKED):
            done(store.engagement.record([Engagement(new_id(), bounced.id, act, at, "", EVIL, EVIL, EVIL)]))
        template = done(templates.create(self.place, "zebra", {"name": f"zebra {EVIL}", "html": EVIL, "subject": EVIL}))
        hook = done(webhooks.add(self.place, webhooks.Wanted("https://hook.test/", f"zebra {EVIL}", "zebra")))
        self.requests = self.answered(hook.id)
        kept = done(files.add(self.place, "zebra", f"zebra{EVIL}.txt".replace("/", ""), b"x"))
        done(store.routes.add(StoredRoute(zebra, "zebra-way", (("127.0.0.1", 2525),))))
        self.post("/console/sign-in", name=EVIL, password=EVIL)
        return [zebra, connection.id, mail.id, bounced.id, template.id, hook.id, kept.key, "zebra-way", "zebra.test",
                "zoe", f"{EVIL}@zebra.test".replace("/", ""), *self.requests]  # fmt: skip

    def answered(self, hook: str) -> list[str]:
        """What a webhook's receiver said to a request that it refused, and to one that it took; gives their ids."""
        done, store, at = self.successResultOf, self.store, self.place.now()
        newest = done(store.events.head())
        made = [Delivery(new_id(), hook, newest, "bounced", at, 1, status, f"zebra {EVIL}") for status in (500, 200)]
        failing = {"failures": 1, "failing_since": at, "last_error": f"answered 500: {EVIL}"}
        done(store.webhooks.change(hook, failing, made))
        return [each.id for each in made]

    def rules(self, method: str) -> Iterator[Rule]:
        """Every route of the console that answers a method."""
        for rule in self.map.iter_rules():
            if rule.rule.startswith("/console") and method in (rule.methods or ()):
                yield rule

    def paths(self, rule: Rule, values: list[str]) -> Iterator[str]:
        """The paths of a route, with every one of the values in its hole; where it has several, with ids first."""
        holes = len(_HOLE.findall(rule.rule))
        last = values[5:] or values
        for chosen in product(
            *[values if holes == 1 else values[:6] if place == 0 else last for place in range(holes)]
        ):
            given: Any = iter(chosen)
            yield _HOLE.sub(lambda _: quote(next(given), safe="@"), rule.rule)  # noqa: B023 (used at once)
