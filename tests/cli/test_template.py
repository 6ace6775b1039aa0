"""Commands about templates."""

from __future__ import annotations

import json
from pathlib import Path

from .running import CommandTestCase


class TemplateCommands(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.good("account", "create", "shop")
        self.html = Path(self.mktemp())
        self.html.write_text("<p>{{ name }}</p>\n", "utf-8")

    def test_life(self) -> None:
        """Create, edit, show, list, versions, restore, delete: what each prints is what is kept."""
        subject = ("--subject", "Hallo {{ name }}")
        made = self.data(
            "template", "create", "--account", "shop", "--id", "welcome", *subject, "--html", str(self.html)
        )
        self.assertEqual((made["id"], made["account"], made["version"]), ("welcome", "shop", 1))
        self.assertEqual((made["html"], made["strict"], made["syntax"]), ("<p>{{ name }}</p>\n", False, "jinja"))
        edited = self.data("template", "edit", "welcome", "--strict", "--text", "-", stdin="{{ name }}!")
        self.assertEqual((edited["version"], edited["text"], edited["strict"]), (2, "{{ name }}!", True))
        self.assertEqual(self.data("template", "show", "welcome"), edited)
        self.assertEqual(self.data("template", "show", "welcome", "--version", "1")["text"], "")
        self.assertEqual([each["id"] for each in self.data("template", "list", "--account", "shop")], ["welcome"])
        self.assertEqual([each["version"] for each in self.data("template", "versions", "welcome")], [2, 1])
        self.assertEqual(self.data("template", "restore", "welcome", "1")["version"], 3)
        self.assertEqual(self.good("template", "delete", "welcome"), "welcome is forgotten.\n")
        self.assertIn("welcome", self.bad("template", "show", "welcome"))

    def test_fields(self) -> None:
        """A whole template can come as JSON, with options before it."""
        fields = {"name": "All", "html": "<b>x</b>", "from_name": "Shop", "strict": True}
        made = self.data("template", "create", "--fields", "-", "--name", "Mine", stdin=json.dumps(fields))
        self.assertEqual((made["id"], made["account"], made["from_name"], made["strict"]), ("mine", "", "Shop", True))
        self.assertIn("not JSON", self.bad("template", "create", "--fields", "-", stdin="{"))
        self.assertIn("not a JSON object", self.bad("template", "create", "--fields", "-", stdin="[]"))
        self.assertIn("once", self.bad("template", "create", "--html", "-", "--text", "-", stdin="x"))
        self.assertIn("not UTF-8", self.bad("template", "create", "--html", "-", stdin=b"\xff"))
        self.assertIn("No such file", self.bad("template", "create", "--html", "/nonexistent/x", status=1))
        self.assertIn("what is to be changed", self.bad("template", "edit", "mine"))

    def test_for_people(self) -> None:
        """People read the bodies line by line, with nothing in them that a terminal would obey."""
        body = "<p>\t{{ name }}</p>\n\x1b[2J"
        shown = self.good("template", "create", "--id", "a", "--html", "-", stdin=body)
        self.assertIn("html:\n  <p>", shown)
        self.assertNotIn("\x1b", shown)
        self.assertIn("a", self.good("template", "list"))
        self.assertIn("version", self.good("template", "versions", "a"))
        rendered = self.good("template", "render", "a", "--variables", '{"name": "<Ann>"}')
        self.assertIn("&lt;Ann&gt;", rendered)

    def test_render(self) -> None:
        """Programs get the texts by field; a fault is one line with field and line."""
        self.good("template", "create", "--id", "a", "--strict", "--subject", "{{ n }}", "--html", str(self.html))
        texts = self.data("template", "render", "a", "--variables", '{"n": 1, "name": "<"}')
        self.assertEqual(texts, {"subject": "1", "html": "<p>&lt;</p>\n"})
        self.assertEqual(self.bad("template", "render", "a"), "template: subject, line 1: 'n' is undefined")
        self.assertIn("not JSON", self.bad("template", "render", "a", "--variables", "{"))

    def test_check(self) -> None:
        """A check keeps nothing."""
        self.assertEqual(
            self.good("template", "check", "--html", str(self.html)), "Nothing is wrong with it. It asks for name.\n"
        )
        self.assertEqual(
            self.data("template", "check", "--html", str(self.html), "--variables", "{}")["html"], "<p></p>\n"
        )
        fault = self.bad("template", "check", "--html", "-", stdin="\n{% if %}")
        self.assertTrue(fault.startswith("template: html, line 2: "), fault)
        self.assertIn(
            "250 ms", self.bad("template", "check", "--text", "-", "--variables", "{}", stdin="{{ 9**(9**9) }}")
        )
        self.assertEqual(self.data("template", "list"), [])
