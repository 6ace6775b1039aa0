"""Every route of the console, found by looking at what it routes: nobody gets in, through, or across."""

from __future__ import annotations

from typing import Any

from mailrelay.http.markup import escape
from mailrelay.interfaces.changes import Wanted
from mailrelay.manage import changes, sessions, users

from .crowd import ELEMENT, EVIL, Crowd
from .visiting import _KEY

#: Where nobody needs to be signed in.
OPEN = ("/console/sign-in", "/console/assets/<string:name>")


class Security(Crowd):
    def changed(self) -> list[Any]:
        """The audit log, newest first."""
        return list(self.successResultOf(changes.page(self.place, Wanted())))

    def test_nobody(self) -> None:
        """Whoever is not signed in is led to the sign-in, by every route and method; nothing is shown or done."""
        self.cookie = ""
        before = self.changed()
        seen = 0
        for method in ("GET", "POST"):
            for rule in self.rules(method):
                if rule.rule in OPEN:
                    continue
                for path in self.paths(rule, [self.things[1]]):
                    answer = self._ask(method, path, b"", "application/x-www-form-urlencoded")
                    self.assertEqual((answer.status, answer.headers.get("location")), (303, "/console/sign-in"), path)
                    seen += 1
        self.assertGreater(seen, 20)
        self.assertEqual(self.changed(), before)

    def test_forms_of_others(self) -> None:
        """CSRF: no form does anything without the key of its session: without one, with a wrong one, with that of
        another session."""
        self.cookie = self.zoe
        found = _KEY.search(self.get("/console/connections").text)
        assert found is not None
        self.cookie = self.root
        before = self.changed()
        for rule in self.rules("POST"):
            if rule.rule in OPEN:
                continue
            for path in self.paths(rule, [self.things[1]]):
                for body in (b"", b"key=guessed", b"key=", b"key=%C3%BC", f"key={found[1]}".encode()):
                    answer = self._ask("POST", path, body, "application/x-www-form-urlencoded")
                    self.assertEqual(answer.status, 403, (path, body))
                answer = self._ask("POST", f"{path}?{body.decode()}", b"", "text/plain")
                self.assertEqual(answer.status, 403, path)
        self.assertEqual(self.changed(), before)
        path = f"/console/connections/{self.things[1]}/activate"
        self.assertEqual(self.post(path).status, 303, "with its own key it would")

    def test_other_accounts(self) -> None:
        """A12: by no path, no query and no form does a member see or touch what belongs to another account."""
        self.cookie = self.mia
        own = [path for rule in self.rules("GET") if "<" not in rule.rule for path in self.paths(rule, [])]
        connection, template = self.things[1], self.things[4]
        asked = (f"account={self.zebra}", "account=zebra", f"connection={connection}", f"id={template}", "id=zebra")
        for query in ("", *(f"?{each}" for each in asked)):
            for path in own:
                answer = self.get(path + query)
                self.assertIn(answer.status, (200, 303, 400, 403, 404), path + query)
                self.assertNotIn("zebra ", answer.text, path + query)
        for rule in self.rules("GET"):
            if "<" in rule.rule and rule.rule not in OPEN:
                for path in self.paths(rule, self.things):
                    answer = self.get(path)
                    self.assertIn(answer.status, (403, 404), path)
                    self.assertNotIn("zebra ", answer.text, path)

    def test_forms_upon_others(self) -> None:
        """A12: no form of a member, with its own right key, changes anything of another account."""
        self.cookie = self.mia
        before = self.of_zebra()
        found = _KEY.search(self.get("/console/connections").text)
        assert found is not None
        fields = f"key={found[1]}&account={self.zebra}&id={self.things[4]}&domain=zebra.test&name=zoe".encode()
        for rule in self.rules("POST"):
            if rule.rule in (*OPEN, "/console/sign-out"):
                continue
            acts = {"act": ["block", "remove", "delete", "activate", "check", "confirm", "reveal", "test", "resend"]}
            for path in self.paths(rule, self.things[:6]) if "act>" not in rule.rule else self.acted(rule.rule, acts):
                answer = self._ask("POST", path, fields, "application/x-www-form-urlencoded")
                named = "<" in rule.rule.replace("<string:act>", "")  # else it is about the member's own
                expected = (400, 403, 404) if named else (200, 303, 400, 403, 404, 409)
                self.assertIn(answer.status, expected, (path, answer.text[-600:]))
                self.assertNotIn("zebra ", answer.text, path)
        self.assertEqual(self.of_zebra(), before)

    def acted(self, rule: str, acts: dict[str, list[str]]) -> list[str]:
        """The paths of a route whose last part is what is done."""
        stem = rule.rpartition("/<")[0]
        stems = [stem.replace("<string:id>", id).replace("<string:owner>", self.zebra).replace("<string:name>", name)
                 for id in self.things[:6] for name in ("zebra.test", "zoe")]  # fmt: skip
        return [f"{each}/{act}" for each in dict.fromkeys(stems) for act in acts["act"]]

    def of_zebra(self) -> list[Any]:
        """All of the other account that a form could change."""
        registry, done = self.store.registry, self.successResultOf
        asked = (registry.connections, registry.domains, registry.senders, registry.suppressions)
        return [done(ask(self.zebra)) for ask in asked] + [
            each for each in self.changed() if each.account == self.zebra
        ]

    def test_acting_administrator(self) -> None:
        """An administrator who acts for an account sees no secret of it, whatever the form."""
        token = self.root.partition("=")[2]
        self.successResultOf(sessions.act_for(self.place, token, "shop"))
        made = self.done("POST", "connections", {"account": "shop", "name": "app", "dialect": "standard",
                                                 "sender": "app@shop.test", "api_key": True}, 201)  # fmt: skip
        path = f"/console/connections/{made['id']}"
        shown = self.get(path).text
        self.assertIn("is shown no password", shown)
        for act in ("reveal", "new-password", "new-api-key", "short-password"):
            answer = self.post(f"{path}/{act}")
            self.assertNotIn(answer.status, (200, 303), act)
            for secret in (made["password"], made["api_key"]):
                self.assertNotIn(secret, shown + answer.text)

    def test_session_ends(self) -> None:
        """A session ends by signing out, by a new password, after twelve hours without use and after two weeks; its
        cookie is for the console alone, and no script sees it."""
        made = self.successResultOf(users.add(self.place, "kim", "shop"))
        self.cookie = ""
        answer = self.post("/console/sign-in", name="kim", password=made.password)
        flags = {each.strip().lower() for each in answer.headers["set-cookie"].split(";")[1:]}
        self.assertLessEqual({"httponly", "samesite=strict", "path=/console"}, flags)
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.assertEqual(self.get("/console/connections").status, 200)
        self.assertEqual(self.post("/console/sign-out").status, 303)
        self.assertEqual(self.get("/console/connections").status, 303, "the old cookie is worth nothing")
        self.assertEqual(self.kim(made.password), 200)
        self.successResultOf(users.set_password(self.place, "kim"))
        self.assertEqual(self.get("/console/connections").status, 303)

    def kim(self, password: str) -> int:
        """Signs in anew; gives the status of a page."""
        self.cookie = ""
        self.cookie = (
            self.post("/console/sign-in", name="kim", password=password).headers["set-cookie"].partition(";")[0]
        )
        return self.get("/console/connections").status

    def test_written_by_strangers(self) -> None:
        """H11: on every page that can be reached, and by every id, what strangers wrote is text and nothing else; each
        page allows no script of theirs, and those with a frame shut it in."""
        seen, quoted = 0, set[str]()
        for cookie in (self.root, self.zoe):
            self.cookie = cookie
            for rule in self.rules("GET"):
                if rule.rule in OPEN:
                    continue
                for path in self.paths(rule, self.things):
                    for query in ("", f"?account={self.zebra}") if "<" not in rule.rule else ("",):
                        answer = self.get(path + query)
                        self.assertLess(answer.status, 500, path)
                        if not answer.headers.get("content-type", "").startswith("text/html"):
                            continue
                        policy = answer.headers["content-security-policy"]
                        self.assertIn("default-src 'none'", policy, path)
                        self.assertNotIn("unsafe-inline", policy.partition("script-src")[2].partition(";")[0], path)
                        seen += "zebra" in answer.text
                        if "/deliveries/" in path and escape(f"zebra {EVIL}") in answer.text:
                            quoted.add(path.rpartition("/")[2])
                        if "sandbox" in policy and "frame-src" not in policy:
                            continue  # what its recipient sees, in a frame that can do nothing
                        self.assertNotIn(ELEMENT, answer.text, path)
        self.assertGreater(seen, 10, "the pages show what was planted")
        self.assertEqual(quoted, set(self.requests), "what a webhook's receiver said is told")
