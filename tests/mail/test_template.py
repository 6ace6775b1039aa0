"""Templates as they read and what they refuse; what they may spend is the child's affair (`tests/relay`)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail import template
from mailrelay.mail.header import decode, encode
from mailrelay.mail.message import Message
from mailrelay.mail.rendering import MAX_OUTPUT, MAX_SOURCE, MAX_VARIABLES, Rendered, Rendering, Source


def rendered(
    text: str, mode: str = "jinja-text", *, strict: bool = False, check: bool = False, **values: object
) -> str:
    """The text that comes out, or its fault behind ``!``."""
    found = template.render(Rendering({"body": Source(text, mode)}, json.dumps(values), strict, check))
    return f"!{found.fault}" if found.fault else found.texts.get("body", "")


class EscapingTests(SynchronousTestCase):
    def test_html(self) -> None:
        """M14: in HTML a value can neither open an element nor leave an attribute, unless the template says so."""
        evil = "<script>alert('1')</script>\" onclick=\"x"
        found = rendered('<p title="{{ v }}">{{ v }}</p>', "jinja-html", v=evil)
        self.assertNotIn("<script", found)
        self.assertEqual(found.count('"'), 2)
        self.assertEqual(rendered("{{ v|safe }}", "jinja-html", v="<b>"), "<b>")
        self.assertEqual(rendered("{{ v }}", "literal-html", v="<b>&"), "&lt;b&gt;&amp;")

    def test_href_and_style(self) -> None:
        """M14: a scheme is text like any other: who puts a value into href or style answers for what it says."""
        self.assertEqual(
            rendered('<a href="{{ u }}" style="{{ s }}">', "jinja-html", u="javascript:alert('1')", s='x"y'),
            '<a href="javascript:alert(&#39;1&#39;)" style="x&#34;y">',
        )

    def test_text(self) -> None:
        """M14: in text nothing is escaped."""
        self.assertEqual(rendered("{{ v }}", v="<b> & 'x'"), "<b> & 'x'")
        self.assertEqual(rendered("{{ v }}", "literal-text", v="<b> & 'x'"), "<b> & 'x'")

    @given(st.text())
    def test_header(self, value: str) -> None:
        """M14, M18: whatever a value holds, a subject made of it is one field, and one line when it is read."""
        field = encode("Subject", rendered("Hello {{ v }}", v=value))
        message = Message.parse(field + b"\r\nbody")
        self.assertEqual([name for name, _ in message.fields], ["subject"])
        self.assertNotRegex(decode(field.partition(b":")[2]), "[\r\n\0]")


class VariableTests(SynchronousTestCase):
    def test_undefined(self) -> None:
        """M15: a variable that is not there is empty text, however deep it is asked into; strict, it is a fault."""
        self.assertEqual(rendered("[{{ a }}{{ a.b.c }}{% if a %}x{% endif %}]"), "[]")
        self.assertEqual(rendered("x\n[{{ a }}]", strict=True), "!body, line 2: 'a' is undefined")
        self.assertEqual(rendered("{{ a.b }}", strict=True, a={}), "!body, line 1: 'dict object' has no attribute 'b'")
        self.assertEqual(rendered("{{ a|default('d') }}", strict=True), "d")

    def test_odd_letters(self) -> None:
        """M18: every letter comes out as it is; what no message can hold comes out as U+FFFD."""
        text = "Zoë 👩‍👩‍👧 שלום \u202e‏ 日本"
        self.assertEqual(rendered("{{ v }}", v=text), text)
        self.assertEqual(rendered("{{ v }}|{{ w }}", v="a\0b", w="\ud800"), "a\ufffdb|\ufffd")

    def test_no_object(self) -> None:
        """Variables are a JSON object, or the fault says what is wrong with them."""
        for text, fault in (
            ("[]", "the variables are not a JSON object"),
            ("{", "the variables are not JSON: "),
            ('{"a": NaN}', "the variables are not JSON: NaN is no number of JSON"),
            ('{"a": ' + "[" * 100_000, "the variables are nested too deeply"),
            (json.dumps({"a": "x" * MAX_VARIABLES}), "the variables have more than "),
            ('{"a": ' + "1" * 5000 + "}", "the variables are not JSON: "),
        ):
            found = template.render(Rendering({"body": Source("x")}, text))
            self.assertEqual((found.texts, found.fault[: len(fault)]), ({}, fault))

    def test_only_plain_values(self) -> None:
        """M13: what a template finds under a name that it was not given are the few functions of Jinja2."""
        names = ("config", "request", "environ", "open", "os", "sys", "__builtins__", "lipsum", "self", "template")
        self.assertEqual(rendered("".join(f"{{{{ {name} }}}}" for name in names if name != "self")), "")
        known = ("range", "dict", "cycler", "joiner", "namespace")
        self.assertEqual(rendered("".join(f"{{{{ {name} is callable }}}}" for name in known)), "True" * len(known))


class FaultTests(SynchronousTestCase):
    def test_places(self) -> None:
        """A fault names the source and the line, whether it shows when it is compiled or when it is rendered."""
        for text, fault in (
            ("a\nb {% if %}", "body, line 2: Expected an expression, got 'end of statement block'"),
            ("a\n\n{{ 1/0 }}", "body, line 3: division by zero"),
            ("{{ x|nothing }}", "body, line 1: No filter named 'nothing'."),
            ("\n{{ 1 + 'a' }}", "body, line 2: TypeError: "),
            ("{{ " + "(" * 3000, "body: it calls itself, or is nested, too deeply"),
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "body, line 1: it calls itself"),
        ):
            self.assertEqual(rendered(text)[1 : len(fault) + 1], fault)

    def test_one_line(self) -> None:
        """A reason is one short line of printable characters, whatever a value or a template put into it."""
        found = rendered("{{ d[k].x }}", strict=True, d={}, k="\r\n\x1b[2J" + "x" * 5000)
        self.assertTrue(found[1:].isprintable(), found)
        self.assertLessEqual(len(found), template.MAX_REASON + 1)

    def test_other_templates(self) -> None:
        """M11: no template reaches another one, nor a file: it cannot even be compiled."""
        for statement in (
            "include '../../etc/passwd'",
            "extends 'x'",
            "import 'x' as y",
            "from 'x' import y",
            "include ['a', 'b'] ignore missing",
        ):
            found = rendered(f"\n{{% {statement} %}}", check=True)
            self.assertEqual(found, "!body, line 2: another template cannot be reached from here")

    def test_check(self) -> None:
        """To check is to compile: no variable is needed, and what comes out are their names, but for those that the
        template makes itself."""
        asked = {
            "a": Source("{{ x.y }}{% for each in items %}{{ each }}{{ x }}{% endfor %}{{ range(3) }}"),
            "b": Source("{{ name }} {{b.c}} {{ b }} {% x %}", "literal-html"),
            "c": Source("nothing"),
        }
        expected = Rendered({"a": "items\nx", "b": "b\nname", "c": ""})
        self.assertEqual(template.render(Rendering(asked, "no JSON", check=True)), expected)
        self.assertTrue(rendered("{{ x", check=True).startswith("!body, line 1: "))

    def test_sizes(self) -> None:
        """What is too long is a fault: a source, and what comes out of all of them together."""
        self.assertEqual(rendered("x" * (MAX_SOURCE + 1)), f"!body: the template has more than {MAX_SOURCE} characters")
        self.assertEqual(len(rendered("x" * MAX_SOURCE)), MAX_SOURCE)
        found = template.render(Rendering(dict.fromkeys("abc", Source("x" * MAX_SOURCE))))
        self.assertIn("together", found.fault)
        over = f"what is rendered has more than {MAX_OUTPUT} octets"
        self.assertEqual(rendered("{% for i in range(9999) %}{{ 'a' * 1000 }}{% endfor %}"), f"!{over}")
        half = Source("{{ 'é' * 1500000 }}")
        self.assertEqual(template.render(Rendering({"a": half, "b": half})).fault, over)

    def test_memory(self) -> None:
        """Being short of memory is for the process to answer, except that Python's parser says so of depth."""

        def short(*words: str) -> object:
            def compile(*_: object) -> object:
                raise MemoryError(*words)

            compile.__wrapped__ = compile  # type: ignore[attr-defined]
            return compile

        self.patch(template, "_compiled", short())
        self.assertRaises(MemoryError, rendered, "x")
        self.patch(template, "_compiled", short("s_push: parser stack overflow"))
        self.assertEqual(rendered("x"), "!body: the template is nested too deeply")
        self.patch(template, "_compiled", lambda *_: lambda values: iter(short()() for _ in "x"))  # type: ignore[operator]
        self.assertRaises(MemoryError, rendered, "x")


class SandboxTests(SynchronousTestCase):
    def test_kept_compiled(self) -> None:
        """What one rendering sets is not there in the next of the same template."""
        text = "{% set ns = namespace(n=x) %}{% set y = x %}{{ ns.n }}{{ y }}"
        self.assertEqual([rendered(text, x=n) for n in (1, 2)], ["11", "22"])
        template.forget()
        self.assertEqual(rendered("{{ y }}{{ x }}"), "")

    def test_values_stay(self) -> None:
        """A template changes nothing that it is given."""
        self.assertIn("not allowed", rendered("{{ x.append(1) }}", x=[]))
        self.assertIn("not allowed", rendered("{{ x.update({'a': 1}) }}", x={}))


class LiteralTests(SynchronousTestCase):
    def test_replaced(self) -> None:
        """Only ``{{name}}`` is read; a value in an object by its path, or by its name with the dot in it."""
        values: dict[str, object] = {"a": {"b": 1.5, "l": [1, "é"]}, "c.d": "x", "t": True, "n": None}
        text = "{{a.b}} {{ a.l }} {{c.d}} {{t}} {{n}} {{no}} {% if %} {{ 1 + 1 }}"
        self.assertEqual(
            rendered(text, "literal-text", **values), '1.5 [1, "é"] x true {{n}} {{no}} {% if %} {{ 1 + 1 }}'
        )

    def test_strict(self) -> None:
        """Strict, a name that is not there is a fault."""
        found = rendered("\n{{no}}", "literal-text", strict=True)
        self.assertEqual(found, "!body: line 2: 'no' is undefined")
