"""Templates as a person keeps them: versions, ids, and nothing that cannot be compiled."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail

from mailrelay.mail.reply import Refusal
from mailrelay.manage import Invalid, Taken, Unknown, accounts, templates
from mailrelay.manage.templates import Wrong

from .place import InstallationTestCase

WELCOME = {"name": "Willkommen, Zoë!", "subject": "Hi {{ name }}", "html": "<p>{{ name }}</p>"}


class TemplateTests(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.shop = self.account()

    def test_life(self) -> None:
        """A template is made, changed, looked at in any version, brought back, and forgotten."""
        made = self.done(templates.create(self.place, "shop", WELCOME))
        self.assertEqual((made.id, made.version, made.account), ("willkommen-zoe", 1, self.shop.id))
        self.at += 5
        edited = self.done(templates.edit(self.place, "", made.id, {"html": "<b>{{ name }}</b>", "strict": True}))
        self.assertEqual((edited.version, edited.subject, edited.strict), (2, "Hi {{ name }}", True))
        same = self.done(templates.edit(self.place, "shop", made.id, {"strict": True, "priority": ""}))
        self.assertEqual(same.version, 2)
        self.assertEqual(self.done(templates.find(self.place, "shop", made.id, 1)), made)
        self.at += 5
        restored = self.done(templates.restore(self.place, "shop", made.id, 1))
        self.assertEqual((restored.version, restored.html, restored.strict), (3, made.html, False))
        self.assertEqual([each.version for each in self.done(templates.versions(self.place, "", made.id))], [3, 2, 1])
        self.assertEqual(self.done(templates.every(self.place)), [restored])
        self.done(templates.remove(self.place, "", made.id))
        self.refused(templates.find(self.place, "", made.id), Unknown)

    def test_ids(self) -> None:
        """An id may be given, as applications know it; else it is made of the name, and never somebody else's."""
        self.assertEqual(self.done(templates.create(self.place, "shop", WELCOME, "17 A")).id, "17 A")
        self.assertIn("exists", self.refused(templates.create(self.place, "shop", WELCOME, "17 A"), Taken))
        ids = {self.done(templates.create(self.place, "shop", WELCOME)).id for _ in range(3)}
        self.assertEqual(len(ids), 3)
        self.assertTrue(all(id.startswith("willkommen-zoe") for id in ids), ids)
        nameless = self.done(templates.create(self.place, "shop", {"text": "x"}))
        self.assertEqual(len(nameless.id), 26)
        for id in (" ", "a/b", "a\nb", "x" * 129):
            self.refused(templates.create(self.place, "shop", WELCOME, id), Invalid)

    def test_whose(self) -> None:
        """Without an account a template is everybody's; one that several accounts have is not guessed."""
        common = self.done(templates.create(self.place, "", WELCOME, "a"))
        own = self.done(templates.create(self.place, "shop", WELCOME, "a"))
        self.done(accounts.create(self.place, "other", 1))
        self.assertEqual((common.account, own.account), ("", self.shop.id))
        self.assertEqual(self.done(templates.find(self.place, "", "a")), common)
        self.assertEqual(self.done(templates.find(self.place, "shop", "a")), own)
        self.refused(templates.find(self.place, "other", "a"), Unknown)
        self.done(templates.remove(self.place, "", "a"))
        self.done(templates.create(self.place, "other", WELCOME, "a"))
        self.assertIn("several accounts", self.refused(templates.find(self.place, "", "a"), Invalid))
        self.assertEqual(len(self.done(templates.every(self.place, "shop"))), 1)

    def test_refused(self) -> None:
        """What cannot be a template is refused with the field and the reason, and nothing is kept."""
        for fields, reason in (
            ({}, "html: a template needs HTML, or text, or both"),
            ({"html": "x", "colour": "red"}, "colour: is nothing that a template has"),
            ({"html": 7}, "html: must be a text"),
            ({"html": "x", "strict": "yes"}, "strict: must be true or false"),
            ({"html": "x", "priority": "urgent"}, "priority: must be one of high, normal, low"),
            ({"html": "x", "syntax": "php"}, "syntax: 'php' is none of jinja, literal"),
            ({"html": "x", "from_address": "nobody"}, "from_address: 'nobody' is not an address"),
            ({"html": "x", "reply_to": "a@b.test, c@d.test"}, "reply_to: "),
            ({"html": "x", "subject": "a\nb"}, "subject: holds a character that cannot be printed"),
            ({"html": "x", "tag": "t" * 129}, "tag: is longer"),
            ({"html": "x" * 2_000_000}, "html: is longer"),
        ):
            refused = self.refused(templates.create(self.place, "shop", fields), Invalid)
            self.assertTrue(refused.startswith(reason), refused)
        self.assertEqual(self.done(templates.every(self.place)), [])
        kept = self.done(templates.create(self.place, "shop", {"html": "x", "from_address": "{{ who }}@shop.example"}))
        self.assertEqual(kept.from_address, "{{ who }}@shop.example")

    def test_cannot_be_compiled(self) -> None:
        """M16: what cannot be compiled is refused where it is saved, with the field and the line."""
        line = self.refused(templates.create(self.place, "shop", {"html": "a\n{% if %}"}), Wrong)
        self.assertTrue(line.startswith("template: html, line 2: "), line)
        kept = self.done(templates.create(self.place, "shop", WELCOME))
        line = self.refused(templates.edit(self.place, "shop", kept.id, {"subject": "{{ x"}), Wrong)
        self.assertTrue(line.startswith("template: subject, line 1: "), line)
        self.assertEqual(self.done(templates.find(self.place, "shop", kept.id)), kept)

    def test_render(self) -> None:
        """A preview gives every text with the variables in it, escaped in HTML only."""
        kept = self.done(templates.create(self.place, "shop", {**WELCOME, "from_name": "{{ name }}", "strict": True}))
        texts = self.done(templates.render(self.place, "", kept.id, '{"name": "<Ann>"}'))
        self.assertEqual(texts, {"from_name": "<Ann>", "subject": "Hi <Ann>", "html": "<p>&lt;Ann&gt;</p>"})
        self.assertIn("'name' is undefined", self.refused(templates.render(self.place, "", kept.id, "{}", 1), Wrong))
        self.refused(templates.render(self.place, "", kept.id, "{}", 9), Unknown)

    def test_try_out(self) -> None:
        """Fields that are not kept can be checked, and rendered."""
        self.assertEqual(self.done(templates.try_out(self.place, WELCOME)), {})
        texts = self.done(templates.try_out(self.place, {"text": "{{ a }}{{b}}", "syntax": "literal"}, '{"b": 1}'))
        self.assertEqual(texts, {"text": "{{ a }}1"})
        self.refused(templates.try_out(self.place, {"text": "{{"}), Wrong)

    def test_variables(self) -> None:
        """What a template asks for is known before there are values; a fault names the field that it is in."""
        fields = {"subject": "{{ a }}", "html": "{{ b.c }}{% set d = 1 %}{{ d }}", "text": "{{ a }}"}
        self.assertEqual(self.done(templates.variables(self.place, fields)), ["a", "b"])
        for html, source in (("{{", "html"), ("x", "")):
            fault = self.failureResultOf(templates.try_out(self.place, {"html": html}, "no JSON"), Wrong).value
            self.assertEqual(fault.source, source)

    def test_cannot_be_told(self) -> None:
        """Where nothing can be rendered just now, nothing is saved, and nobody is blamed."""

        class Busy:
            def render(self, _: object) -> Deferred[object]:
                return fail(Refusal("temporary", rule="renderer"))

        from dataclasses import replace

        place = replace(self.place, renderer=Busy())  # type: ignore[arg-type]
        self.failureResultOf(templates.create(place, "shop", WELCOME), Refusal)
        self.assertEqual(self.done(templates.every(self.place)), [])
