"""Tokens: what they open, for whom, from where and for how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock

from mailrelay.mail.envelope import DAY, SECOND
from mailrelay.manage import Invalid, Taken, Unknown, changes, scopes, tokens, users
from mailrelay.manage.caller import HERE, TOKEN, USER, Caller
from mailrelay.manage.changes import Wanted as WantedChanges
from mailrelay.manage.errors import Forbidden
from mailrelay.manage.tokens import PREFIX, TRIES, Issued, TooMany, Wanted
from mailrelay.store.counters import MemoryCounters

from .place import InstallationTestCase


class TokenTests(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.shop = self.account()

    def made(self, name: str = "program", **wanted: Any) -> Issued:
        return self.done(tokens.create(self.place, Wanted(name, **wanted)))

    def who(self, secret: str, address: str = "192.0.2.1") -> Caller | None:
        return self.done(tokens.bearer(self.place, secret, address))

    def test_whose(self) -> None:
        """A token of an account is bound to it; one of none is an administrator's. The secret is shown once, begins
        with a mark, and is found nowhere in what is kept."""
        bound = self.made(account="shop", scopes=["messages:write", "messages:send"])
        self.assertTrue(bound.secret.startswith(PREFIX) and len(bound.secret) == len(PREFIX) + 28)
        self.assertNotIn(bound.secret, repr(bound) + bound.token.digest)
        caller = self.who(bound.secret)
        assert caller is not None
        self.assertEqual((caller.kind, caller.name, caller.id), (TOKEN, "program", bound.token.id))
        self.assertEqual((caller.administrator, caller.bound, caller.address), (False, self.shop.id, "192.0.2.1"))
        self.assertEqual(
            [caller.may(each) for each in ("messages:send", "messages:write", "messages:read", "domains:read")],
            [True, True, True, False],
            "who may change something may read it",
        )
        whole = self.who(self.made("root").secret)
        assert whole is not None
        self.assertEqual((whole.administrator, whole.bound, whole.scopes), (True, "", None))
        self.assertIsNone(self.who(bound.secret[:-1] + "\xe9"))
        self.assertIsNone(self.who("api_token"))
        self.assertEqual(self.done(tokens.find(self.place, "program", "shop")).begin, bound.secret[:8])

    def test_where_and_how_long(self) -> None:
        """A token may be used from its networks alone, IPv4 within IPv6 too, and until it ends or is revoked."""
        made = self.made(account="shop", networks=["192.0.2.0/25", "2001:db8::/32"], days=2)
        self.assertEqual(
            [bool(self.who(made.secret, each)) for each in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.200", "")],
            [True, True, False, False],
        )
        self.at += 2 * DAY - SECOND
        self.assertIsNotNone(self.who(made.secret))
        self.at += SECOND
        self.assertIsNone(self.who(made.secret))
        other = self.made("other", account="shop")
        self.done(tokens.revoke(self.place, "other"))
        self.assertIsNone(self.who(other.secret))
        self.refused(tokens.revoke(self.place, "other"), Unknown)

    def test_last_used(self) -> None:
        """When a token was used last is known to the hour, so that requests cost no write each."""
        made = self.made(account="shop")
        first = self.at
        self.who(made.secret)
        self.at += 1800 * SECOND
        self.who(made.secret)
        self.assertEqual(self.done(tokens.find(self.place, "program")).used_at, first)
        self.at += 1800 * SECOND
        self.who(made.secret)
        self.assertEqual(self.done(tokens.find(self.place, "program")).used_at, self.at)

    def test_ends_with_its_maker(self) -> None:
        """A token holds while its maker could make it still: not for a member who is blocked, removed, or elsewhere,
        nor, if it is an administrator's, for one who is none any more."""
        place = self.place
        self.done(users.add(place, "root"))
        ann = self.done(users.add(place, "ann", "shop")).user
        boss = self.done(users.add(place, "boss")).user
        self.place = place.asked_by(Caller(USER, "ann", ann.id, False, self.shop.id))
        hers = self.made("hers")
        self.assertEqual(hers.token.account, self.shop.id, "of the only account that she sees")
        self.place = place.asked_by(Caller(USER, "boss", boss.id))
        whole = self.made("whole")
        self.place = place
        self.assertEqual(self.done(tokens.makers(place))[hers.token.maker], "ann")
        self.assertTrue(self.who(hers.secret) and self.who(whole.secret))
        self.done(users.block(place, "ann"))
        self.assertIsNone(self.who(hers.secret))
        self.done(users.activate(place, "ann"))
        self.assertIsNotNone(self.who(hers.secret))
        self.account("other", domain="other.example")
        self.done(users.set_role(place, "ann", "other"))
        self.assertIsNone(self.who(hers.secret))
        self.done(users.set_role(place, "boss", "shop"))
        self.assertIsNone(self.who(whole.secret))
        self.done(users.set_role(place, "ann", "shop"))
        self.done(users.remove(place, "ann"))
        self.assertIsNone(self.who(hers.secret))

    def test_no_mightier(self) -> None:
        """Nobody makes a token that may more than they do: a token none beyond its scopes, and an administrator who
        acts for an account none at all, since its secret would be shown."""
        limited = Caller(TOKEN, "program", "T", False, self.shop.id, scopes=scopes.meant(["tokens:write"]))
        whole = self.place
        self.place = whole.asked_by(limited)
        for refused in (Wanted("x"), Wanted("x", scopes=["tokens:write", "domains:read"])):
            self.refused(tokens.create(self.place, refused), Forbidden)
        self.assertEqual(self.made("y", scopes=["tokens:read"]).token.scopes, ("tokens:read",))
        self.place = whole.asked_by(Caller(USER, "root", "U", acting=self.shop.id))
        self.refused(tokens.create(self.place, Wanted("z")), Forbidden)
        self.place = whole

    def test_guessing(self) -> None:
        """An address that sends wrong tokens is held back after a hundred in ten minutes; a right one from there is
        taken all the same, since nobody can guess it."""
        made = self.made(account="shop")
        self.place = replace(self.place, counters=MemoryCounters(Clock()))
        for _ in range(TRIES):
            self.assertIsNone(self.who(f"{PREFIX}nothing"))
        error = self.failureResultOf(tokens.bearer(self.place, "x", "192.0.2.1"), TooMany).value
        self.assertEqual(error.seconds, 600)  # type: ignore[attr-defined]
        self.assertIsNotNone(self.who(made.secret))
        self.assertIsNone(self.who("x", "192.0.2.2"))

    def test_refused(self) -> None:
        """What cannot be is refused by field: names twice in an account, scopes that there are none of, networks."""
        self.made(account="shop")
        self.made()
        self.refused(tokens.find(self.place, "program"), Invalid)
        self.assertEqual(self.done(tokens.find(self.place, "program", "shop")).account, self.shop.id)
        for wanted, field in (
            (Wanted("program", "shop"), "token"),
            (Wanted("x", scopes=["mail"]), "scopes"),
            (Wanted("x", networks=["here"]), "ip"),
            (Wanted("x", networks=["192.0.2.1"] * 101), "networks"),
            (Wanted("x", days=-1), "days"),
            (Wanted(""), "token"),
        ):
            self.assertIn(field, self.refused(tokens.create(self.place, wanted), Invalid))
        self.refused(tokens.create(self.place, Wanted("program")), Taken)
        self.refused(tokens.find(self.place, "nobody's"), Unknown)

    def test_noted(self) -> None:
        """Making and revoking stand in the audit log, without the secret."""
        made = self.made(account="shop", scopes=["messages:send"])
        self.done(tokens.revoke(self.place, made.token.id))
        # both at one instant, so that either may come first
        found = sorted(self.done(changes.page(self.place, WantedChanges(action="token"))), key=lambda each: each.action)
        self.assertEqual([each.action for each in found], ["token.create", "token.revoke"])
        self.assertEqual({each.account for each in found}, {self.shop.id})
        self.assertIn("messages:send", found[0].details)
        self.assertNotIn(made.secret, "".join(each.details for each in found))
        self.assertEqual(self.place.caller, HERE)
