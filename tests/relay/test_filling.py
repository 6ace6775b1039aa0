"""Stored templates and variables in whole transactions, and what is stored of them."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage
from typing import Any

from twisted.internet.defer import execute
from zope.interface.verify import verifyObject

from mailrelay.interfaces.renderer import IRenderer
from mailrelay.interfaces.templates import Template
from mailrelay.mail.reply import Refusal
from mailrelay.policy.body import Body
from mailrelay.relay.filling import AT_ONCE

from .test_prepare import PreparedTests
from .test_submission import SOURCE

OWN = (
    b"From: {{ shop }} <app@acme.test>\r\nSubject: Hi {{ name }}\r\nReply-To: {{ shop }} <help@acme.test>\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>{{ name }}</p>\r\n"
)
VARIABLES = b'X-Relay-Variables: {"name": "<Ann>", "shop": "Acme", "who": "eu"}\r\n'
STORED = b"X-Relay-Template: welcome\r\n"


class FillingTests(PreparedTests):
    def setUp(self) -> None:
        super().setUp()
        self.link_key = 0

    def store(self, account: str = "A", **said: Any) -> None:
        self.state.templates[account, "welcome"] = [Template(account, "welcome", **said)]

    def made(self, source: bytes) -> EmailMessage:
        """The one message accepted, as another reader finds it."""
        found = email.message_from_bytes(self.accepted("a@b.test", source=source).source, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def refused(self, source: bytes) -> Refusal:
        refusal = self.refusal(self.submit("a@b.test", source=source))
        self.assertEqual(self.state.recipients, {})
        return refusal

    def test_interface(self) -> None:
        """The renderer of these tests is what the border says."""
        verifyObject(IRenderer, self.renderer)

    def test_no_variables_no_templating(self) -> None:
        """Without variables nothing is rendered, and nothing asked; so it is where nothing is to be rendered."""
        self.assertTrue(self.accepted("a@b.test", source=OWN).source.endswith(OWN))
        self.assertTrue(self.accepted("a@b.test", source=VARIABLES + SOURCE).source.endswith(SOURCE))
        self.assertEqual(self.renderer.asked, [])

    def test_the_message_itself(self) -> None:
        """Variables are put into the message's own texts, escaped in HTML and as they are elsewhere, by one rendering
        for all recipients."""
        made = self.made(VARIABLES + OWN)
        self.assertEqual((made["Subject"], made["From"]), ("Hi <Ann>", "Acme <app@acme.test>"))
        self.assertEqual((made["Reply-To"], made.get_content()), ("Acme <help@acme.test>", "<p>&lt;Ann&gt;</p>\r\n"))
        self.assertEqual(len(self.renderer.asked), 1)

    def test_an_empty_object_is_templating(self) -> None:
        """An empty object of variables renders: what is not there is empty text."""
        self.assertEqual(self.made(b"X-Relay-Variables: {}\r\n" + OWN)["Subject"], "Hi")

    def test_a_failure_refuses_all(self) -> None:
        """What cannot be rendered refuses the transaction, with the reason (M17); nothing is stored or charged."""
        refusal = self.refused(VARIABLES + OWN.replace(b"{{ name }}", b"{% if %}"))
        self.assertEqual((refusal.key, self.state.balance["A"]), ("template_failed", 10))
        self.assertIn("subject", str(refusal.fields["reason"]))
        self.assertEqual(self.verdicts.kept[-1][4][-1]["reply"], "template_failed")

    def test_told_as_people_know_it(self) -> None:
        """The reason of a refusal names the text and the line as who wrote them knows them."""
        parts = [
            b"--x\r\nContent-Type: text/%s\r\n\r\n%s\r\n" % (kind, text)
            for kind, text in ((b"plain", b"{{ a }}"), (b"html", b"{{ a }}"), (b"html", b"\r\n{{ 1/0 }}"))
        ]
        whole = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"".join(parts) + b"--x--\r\n"
        refusal = self.refused(VARIABLES + SOURCE.partition(b"\r\n\r\n")[0] + b"\r\n" + whole)
        self.assertEqual(refusal.fields["reason"], "HTML 2, line 2: division by zero")
        self.store(html="x\n{{ x.y }}", strict=True)
        self.assertEqual(self.refused(STORED + VARIABLES + SOURCE).fields["reason"], "html, line 2: 'x' is undefined")

    def test_what_is_not_kept(self) -> None:
        """Of a body of which one text is kept, only that one is rendered; of a stored template's likewise, and then the
        message's own may be anything."""
        self.speak(body=Body(keep="one_text"))
        texts = ((b"plain", b"{% if %}"), (b"html", b"{{ name }}"))
        both = [b"--x\r\nContent-Type: text/%s\r\n\r\n%s\r\n" % each for each in texts]
        whole = b"Content-Type: multipart/alternative; boundary=x\r\n\r\n" + b"".join(both) + b"--x--\r\n"
        made = self.made(VARIABLES + SOURCE.partition(b"\r\n\r\n")[0] + b"\r\n" + whole)
        self.assertEqual((made.get_content_type(), made.get_content().strip()), ("text/html", "&lt;Ann&gt;"))
        self.store(html="<b>{{ name }}</b>", text="{{ name }}")
        image = b"Content-Type: image/png\r\n\r\nx\r\n"
        made = self.made(STORED + VARIABLES + SOURCE.partition(b"\r\n\r\n")[0] + b"\r\n" + image)
        self.assertEqual((made.get_content_type(), made.get_content().strip()), ("text/html", "<b>&lt;Ann&gt;</b>"))

    def test_large_ones_aside(self) -> None:
        """A large message is taken apart, and put together, by a thread (L9)."""
        asked: list[str] = []

        def aside(function: Any, *arguments: Any) -> Any:
            asked.append(function.__name__)
            return execute(function, *arguments)

        self.aside = aside
        self.made(VARIABLES + OWN)
        self.assertEqual(asked, [])
        self.made(VARIABLES + OWN + b"x\r\n" * AT_ONCE)
        self.store(html="{% for i in range(20000) %}x{% endfor %}")
        self.made(STORED + VARIABLES + OWN)
        self.assertEqual(asked, ["_of_message", "_filled", "_filled"])

    def test_a_stored_template(self) -> None:
        """A stored template goes before all that the message says; what it leaves open the message keeps."""
        self.store(
            from_name="{{ shop }}", from_address="{{ who }}@other.test", reply_to="{{ who }}@else.test",
            subject="Welcome {{ name }}", html="<b>{{ name }}</b>", text="Hello {{ name }}", tag="stored",
        )  # fmt: skip
        submission = self.accepted("a@b.test", source=STORED + VARIABLES + b"X-Relay-Tag: mine\r\nX-Keep: 1\r\n" + OWN)
        made = email.message_from_bytes(submission.source, policy=policy.default)
        self.assertEqual((made["From"], made["Subject"]), ("Acme <eu@other.test>", "Welcome <Ann>"))
        self.assertEqual((made["Reply-To"], made["X-Keep"]), ("eu@else.test", "1"))
        plain, html = made.iter_parts()  # type: ignore[attr-defined]
        self.assertEqual((plain.get_content(), html.get_content()), ("Hello <Ann>", "<b>&lt;Ann&gt;</b>"))
        self.assertEqual((submission.instructions.tag, submission.instructions.template), ("stored", "welcome"))
        self.assertEqual(submission.subject, "Welcome <Ann>")

    def test_what_a_template_leaves_open(self) -> None:
        """Of a template that says only one thing everything else is the message's own, rendered with it."""
        self.store("", html="<i>{{ name }}</i>")
        made = self.made(STORED + VARIABLES + OWN)
        self.assertEqual((made["Subject"], made["From"]), ("Hi <Ann>", "Acme <app@acme.test>"))
        self.assertEqual((made.get_content_type(), made.get_content()), ("text/html", "<i>&lt;Ann&gt;</i>"))
        self.store(subject="S {{ name }}")
        made = self.made(STORED + VARIABLES + OWN)
        self.assertEqual((made["Subject"], made.get_content()), ("S <Ann>", "<p>&lt;Ann&gt;</p>\r\n"))

    def test_a_template_without_variables(self) -> None:
        """Without variables a stored template is taken as it stands."""
        self.store(subject="Hi {{ name }}", text="{{ x }}", from_name="Shop")
        made = self.made(STORED + SOURCE)
        self.assertEqual((made["Subject"], made["From"]), ("Hi {{ name }}", "Shop <app@acme.test>"))
        self.assertEqual((made.get_content(), self.renderer.asked), ("{{ x }}", []))

    def test_strict_and_literal(self) -> None:
        """A strict template refuses a variable that is not there; a literal one only has names replaced."""
        self.store(html="{{ absent }}", strict=True)
        self.assertEqual(self.refused(STORED + VARIABLES + SOURCE).key, "template_failed")
        self.store(html="{{name}} {{ absent }} {% if %}", syntax="literal")
        self.assertEqual(self.made(STORED + VARIABLES + SOURCE).get_content(), "&lt;Ann&gt; {{ absent }} {% if %}")

    def test_whose_domain(self) -> None:
        """Whose domain the message is from is judged by what the template says, after it was rendered; the message's
        own From need not be of a domain of the account then."""
        self.store(from_address="x@{{ who }}.test", text="x")
        for who, key in (("new", "domain_unverified"), ("bank", "domain_unknown")):
            head = STORED + VARIABLES.replace(b'"eu"', f'"{who}"'.encode())
            self.assertEqual(self.refused(head + SOURCE).key, key)
        head = STORED + VARIABLES.replace(b'"eu"', b'"other"')
        self.assertEqual(self.made(head + SOURCE.replace(b"acme", b"bank"))["From"], "Shop <x@other.test>")
        self.state.recipients.clear()
        self.assertEqual(self.refused(head + b"Subject: x\r\n\r\n").key, "from_missing")
        self.store(text="x")
        self.assertEqual(self.refused(STORED + SOURCE.replace(b"acme", b"bank")).key, "domain_unknown")

    def test_no_address(self) -> None:
        """An address that comes out of a template and is none fails like any other fault of it."""
        for said in ({"from_address": "{{ name }}"}, {"reply_to": "a b"}, {"return_path": "<>"}):
            self.store(text="x", **said)
            refusal = self.refused(STORED + VARIABLES + SOURCE)
            self.assertEqual(refusal.key, "template_failed")
            self.assertIn("address", str(refusal.fields["reason"]))

    def test_return_path(self) -> None:
        """The return path that a template gives is the one on record; its domain must be the account's."""
        self.store(text="x", return_path="bounce@{{ who }}.test")
        head = STORED + VARIABLES.replace(b'"eu"', b'"other"')
        self.assertEqual(self.accepted("a@b.test", source=head + SOURCE).sender, "bounce@other.test")
        self.state.recipients.clear()
        self.assertEqual(self.refused(STORED + VARIABLES + SOURCE).key, "domain_unverified")

    def test_unknown(self) -> None:
        """A template that there is not, or that is another account's, refuses the message."""
        self.store("B", text="x")
        refusal = self.refused(STORED + SOURCE)
        self.assertEqual((refusal.key, refusal.fields), ("template_unknown", {"template": "welcome"}))
        self.assertEqual(self.verdicts.kept[-1][4][-1]["rule"], "template_known")
