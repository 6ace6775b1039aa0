"""The attacks of the catalogue, each in a child: it is refused in words, or it is harmless; nothing of ours notices."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.rendering import MAX_OUTPUT, Frames, Rendering, Source, pack_rendering, rendered_of
from mailrelay.mail.reply import Refusal
from mailrelay.relay import render_once
from mailrelay.relay.render_child import READY
from mailrelay.relay.render_command import BROKEN, TOO_LONG, TOO_MUCH, command, fault_of
from mailrelay.relay.render_once import RenderOnce

OVER = f"what is rendered has more than {MAX_OUTPUT} octets"
UNREACHED = "another template cannot be reached"
FORBIDDEN = "not allowed"
DEEP = "too deeply"

#: M11, M13: a way out of the sandbox → what is said of it, or "" where it may render, without what it was after.
ESCAPES = {
    "{{ ''.__class__.__mro__[1].__subclasses__() }}": FORBIDDEN,
    "{{ ''|attr('__class__') }}": FORBIDDEN,
    "{{ x|attr('__init__')|attr('__globals__') }}": FORBIDDEN,
    "{{ ['x']|map(attribute='__class__')|list }}": FORBIDDEN,
    "{{ '{0.__class__}'.format(1) }}": FORBIDDEN,
    "{{ '{x.__class__}'.format_map({'x': 1}) }}": FORBIDDEN,
    "{% set f = '{0.__class__}'.format %}{{ f(1) }}": FORBIDDEN,
    "{{ ['{0.__class__}']|map('format', 1)|list }}": "",
    "{{ '%s'|format(self.__dict__) }}": FORBIDDEN,
    "{{ ('{0.__class__}'|attr('format'))(1) }}": FORBIDDEN,
    "{{ {'f': '{0.__class__}'.format}.f(1) }}": FORBIDDEN,
    "{{ lipsum.__globals__ }}": "",
    "{{ cycler.__init__.__globals__.os.environ }}": FORBIDDEN,
    "{{ joiner.__init__.__globals__ }}": FORBIDDEN,
    "{{ namespace.__init__.__globals__ }}": FORBIDDEN,
    "{{ range.__self__ }}": "",
    "{{ self._TemplateReference__context.environment }}": FORBIDDEN,
    "{{ self.__init__.__globals__ }}": FORBIDDEN,
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}": "",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}{{ m._func.__globals__ }}": FORBIDDEN,
    "{{ (x for x in []).gi_frame }}": "",
    "{% include '/etc/passwd' %}": UNREACHED,
    "{% include '../' * 9 ~ 'etc/passwd' %}": UNREACHED,
    "{% import 'os' as os %}{{ os }}": UNREACHED,
    "{% from 'os' import environ %}": UNREACHED,
    "{% extends 'layout' %}": UNREACHED,
    "{{ config }}{{ request }}{{ environ }}{{ open }}{{ __import__ }}{{ __builtins__ }}": "",
    "{{ dict.__class__ }}": FORBIDDEN,
    "{{ x.__class__.__base__ }}": FORBIDDEN,
    "{{ ().__class__ }}": FORBIDDEN,
    "{{ [].append.__self__ }}": FORBIDDEN,
    "{{ x['__class__'] }}": FORBIDDEN,
}

#: M12: what costs without end → the bound that it meets.
HOGS = {
    "{{ 'a' * 10 ** 10 }}": TOO_MUCH,
    "{{ x * 10 ** 10 }}": TOO_MUCH,
    "{{ [1] * 10 ** 9 }}": TOO_MUCH,
    "{{ 9 ** (9 ** 9) }}": TOO_LONG,
    "{{ range(10 ** 9)|list }}": "Range too big",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}": TOO_LONG,
    "{{ 'x'|center(10 ** 9) }}": TOO_MUCH,
    "{{ '%1000000000d'|format(1) }}": TOO_MUCH,
    "{{ '{:>1000000000}'.format(1) }}": TOO_MUCH,
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": DEEP,
    "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}": TOO_MUCH,
    "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}": OVER,
    "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}": DEEP,
    "{{ x" + ".a" * 200_000 + " }}": "",
    "{% if x %}" * 5000 + "{% endif %}" * 5000: DEEP,
    "{{ 'x'|replace('', 'y' * 10000)|replace('', 'y' * 100000) }}": TOO_MUCH,
}


def outcome(text: str, mode: str = "jinja-html", variables: str = '{"x": "value"}') -> tuple[str, str]:
    """What comes out, and why nothing does."""
    failed: list[str] = []
    found = RenderOnce().render(Rendering({"body": Source(text, mode)}, variables))
    found.addErrback(lambda failure: failed.append(failure.value.fields["reason"]))
    result: list[dict[str, str] | None] = []
    found.addCallback(result.append)
    return (result[0] or {}).get("body", ""), failed[0] if failed else ""


class AttackTests(SynchronousTestCase):
    def test_escapes(self) -> None:
        """M11, M13: no template gets at an object, a file, the environment: it is refused in words, or says nothing;
        and the child goes on."""
        given = [Rendering({"body": Source(text, "jinja-html")}, '{"x": "value"}') for text in ESCAPES]
        child = subprocess.run(
            command(), input=b"".join(map(pack_rendering, given)), capture_output=True, env={}, check=True
        )
        answers = [rendered_of(*frame) for frame in Frames().feed(child.stdout.removeprefix(READY))]
        for (text, expected), answer in zip(ESCAPES.items(), answers, strict=True):
            out, reason = answer.texts.get("body", ""), answer.fault
            if expected:
                self.assertIn(expected, reason, (text, out))
            for secret in ("class &#39;", "object at", "root:", "PATH", "/usr", "globals__&"):
                self.assertNotIn(secret, out, text)

    def test_stored_in_a_variable(self) -> None:
        """M11: a template in a variable is text."""
        self.assertEqual(outcome("{{ x }}", variables='{"x": "{{ 7 * 7 }}"}'), ("{{ 7 * 7 }}", ""))

    def test_hogs(self) -> None:
        """M12: a template that costs without end meets a bound, and its refusal says which."""
        for text, expected in HOGS.items():
            out, reason = outcome(text)
            self.assertLess(len(out), 1_000_000)
            if expected:
                self.assertIn(expected, reason, text[:60])

    def test_large_data(self) -> None:
        """M17: a megabyte of variables is rendered; more of them are refused."""
        million = json.dumps({"rows": ["x" * 90] * 10_000})
        out, reason = outcome("{% for row in rows %}{{ row }}{% endfor %}", variables=million)
        self.assertEqual((len(out), reason), (900_000, ""))
        _, reason = outcome("x", variables=json.dumps({"x": "y" * 2_000_000}))
        self.assertIn("the variables have more than", reason)

    def test_nothing_to_see(self) -> None:
        """M13: a child has no environment, and its limits are what they are said to be."""
        os.environ["MAILRELAY_TEST_SECRET"] = "s3cret"
        self.addCleanup(os.environ.pop, "MAILRELAY_TEST_SECRET")
        child = subprocess.Popen(
            command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}
        )
        assert child.stdin is not None and child.stdout is not None
        self.assertEqual(child.stdout.readline(), READY)
        about = Path(f"/proc/{child.pid}")
        limits = (about / "limits").read_text()
        self.assertEqual((about / "environ").read_bytes(), b"")
        self.assertRegex(limits, "Max open files +16 +16")
        self.assertRegex(limits, "Max file size +0 +0")
        self.assertRegex(limits, "Max core file size +0 +0")
        size = int((about / "statm").read_text().split()[0]) * resource.getpagesize()
        (most,) = re.findall("Max address space +([0-9]+)", limits)
        self.assertLess(int(most), size + 70_000_000)
        self.assertEqual({os.readlink(each)[:4] for each in (about / "fd").iterdir()}, {"pipe", "/dev"})
        self.assertNotIn("twisted", (about / "maps").read_text())
        child.stdin.close()
        self.assertEqual(child.wait(), 0)
        child.stdout.close()


class EndTests(SynchronousTestCase):
    def test_whose_fault(self) -> None:
        """An end by the child's own bounds is the template's fault, one by anybody else is not."""
        self.assertEqual(fault_of(27, None), TOO_LONG)
        self.assertEqual(fault_of(11, None), BROKEN)
        self.assertEqual(fault_of(None, 3), TOO_MUCH)
        for ended_by, status in ((9, None), (15, None), (None, 0), (None, 1), (None, 4)):
            self.assertEqual(fault_of(ended_by, status), "")

    def test_inside(self) -> None:
        """A child that cannot be started, or says nothing, is a failure inside: to be tried again."""
        for line in (["/nonexistent/interpreter"], ["/bin/true"], ["/bin/echo", "xxxxxxxxxxxxxxx"]):
            self.patch(render_once, "command", lambda line=line: line)
            failure = self.failureResultOf(RenderOnce().render(Rendering({"a": Source("x")})), Refusal)
            self.assertEqual((failure.value.key, failure.value.rule), ("temporary", "renderer"))
