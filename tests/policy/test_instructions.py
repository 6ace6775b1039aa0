"""Control headers become instructions and leave the message; what cannot be read has a reason and a reply."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.mime.text import MIMEText
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Instructions
from mailrelay.mail.message import Message
from mailrelay.mail.reply import Refusal
from mailrelay.policy import vocabulary
from mailrelay.policy.control_header import ControlHeaders, read_headers
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.instructions import NOTHING, Asked, names, read
from mailrelay.policy.reading import Reading

from ..mail.bounded import bounded
from .test_codecs import OBJECT

STANDARD = Dialects.shipped().get("standard")


def control(**headers: Any) -> ControlHeaders:
    """Control headers of such a table, ``_`` standing for ``-`` and ``X__`` at the end for a family."""
    reading = Reading("x.toml")
    made = read_headers(reading, {name.replace("__", "-*").replace("_", "-"): said for name, said in headers.items()})
    assert not reading.faults, reading.faults
    return made


def message(*fields: str) -> Message:
    return Message.parse("".join(f"{each}\r\n" for each in (*fields, "", "body")).encode())


def asked(*fields: str, by: ControlHeaders = STANDARD.headers) -> Asked:
    return read(message("Subject: s", *fields), by)


TEXT = {"sets": "tag", "codec": "text"}


class InstructionsTests(SynchronousTestCase):
    def refused(self, reply: str, reason: str, *fields: str, by: ControlHeaders = STANDARD.headers) -> None:
        with self.assertRaises(Refusal) as caught:
            asked(*fields, by=by)
        refusal = caught.exception
        self.assertEqual((refusal.key, refusal.rule), (reply, "control_headers"))
        self.assertRegex(str(refusal.fields["reason"]), reason)

    def test_nothing_asked(self) -> None:
        """A message without control headers stays the very same, and asks for nothing."""
        plain = message("Subject: s", "X-Relay-: odd", "X-Other: x")
        self.assertEqual(read(plain, STANDARD.headers), Asked(NOTHING, plain))
        self.assertIs(read(plain, ControlHeaders()).message, plain)

    def test_everything_asked(self) -> None:
        """Every header of our own superset sets what its name says, in any case of its name, and is cut."""
        found = asked(
            "x-relay-tag: news",
            "X-Relay-Route: eu",
            "X-Relay-Template: welcome",
            'X-Relay-Variables: {"a": [1]}',
            "X-Relay-File: k1:a.pdf, k2",
            "X-Relay-FILE: k3",
            "X-Relay-Track-Opens: no",
            "X-Relay-Track-Clicks: yes",
            "X-Relay-Reference: order 17",
            'X-Relay-Metadata: {"a": 1}',
            "X-Relay-Metadata-Order: 17",
            "X-Relay-Idempotency-Key: k",
        )
        self.assertEqual(
            found.instructions,
            Instructions(
                tag="news",
                client_ref="order 17",
                route="eu",
                template="welcome",
                variables='{"a": [1]}',
                files=(("k1", "a.pdf"), ("k2", ""), ("k3", "")),
                track_opens=False,
                track_clicks=True,
                metadata={"a": "1", "Order": "17"},
                idempotency_key="k",
            ),
        )
        self.assertEqual(found.message.fields, message("Subject: s").fields)
        self.assertEqual((found.message.body, len(found.headers), found.headers[0]), (b"body\r\n", 12, "x-relay-tag"))

    def test_an_empty_header_says_nothing(self) -> None:
        """An empty value is as good as none; variables absent and variables that are empty are two things."""
        self.assertEqual(asked("X-Relay-Tag:", "X-Relay-Variables: ").instructions, NOTHING)
        self.assertEqual(asked("X-Relay-Variables: null", "X-Relay-Metadata:  null ").instructions, NOTHING)
        self.assertEqual(asked("X-Relay-Variables: {}").instructions.variables, "{}")

    def test_each_fault_has_its_reply(self) -> None:
        """A value that cannot be read is refused by the reply of what it would have set, with the reason."""
        long = "x" * 2000
        for field, reply, reason in (
            (f"X-Relay-Tag: {long}", "tag_invalid", "longer than 128"),
            (f"X-Relay-Reference: {long}", "reference_invalid", "longer than 255"),
            (f"X-Relay-Route: {long}", "route_invalid", "longer than 64"),
            (f"X-Relay-Template: {long}", "template_invalid", "longer"),
            ("X-Relay-Variables: {", "variables_invalid", "not JSON: .* at character 2"),
            ("X-Relay-Variables: []", "variables_invalid", "must be a JSON object"),
            ("X-Relay-File: :x", "files_invalid", "without a key"),
            ("X-Relay-Track-Opens: perhaps", "tracking_invalid", "must be one of"),
            ("X-Relay-Track-Clicks: perhaps", "tracking_invalid", "must be one of"),
            ('X-Relay-Metadata: {"a": []}', "metadata_invalid", "must be a text"),
            (f"X-Relay-Metadata-a: {long}", "metadata_invalid", "longer"),
            (f"X-Relay-Idempotency-Key: {long}", "idempotency_invalid", "longer"),
        ):
            self.refused(reply, reason, field)
        self.refused("tag_invalid", "more than once", "X-Relay-Tag: a", "X-Relay-Tag: a")
        self.refused("metadata_invalid", "twice", 'X-Relay-Metadata: {"a": 1}', "X-Relay-Metadata-a: 2")

    def test_every_setting_has_a_reply(self) -> None:
        """Whatever a header may set, the reply to a bad one is in the vocabulary."""
        for codec in (*vocabulary.CODECS.values(), *vocabulary.MEMBERS.values()):
            for sets in codec:
                self.assertIn(vocabulary.HEADER_REPLIES[sets], vocabulary.REPLIES)

    def test_repeated(self) -> None:
        """A second header of a name: refused, or the first or the last holds, or they add up, as the dialect says."""
        twice = ("X: a", "X: b")
        for repeated, tag in (("first", "a"), ("last", "b")):
            by = control(X=TEXT | {"repeated": repeated})
            self.assertEqual(asked(*twice, by=by).instructions.tag, tag)
        by = control(X={"sets": "files", "codec": "list", "repeated": "last"})
        self.assertEqual(asked(*twice, by=by).instructions.files, (("b", ""),))
        by = control(X={"sets": "metadata", "codec": "pairs", "repeated": "last"})
        self.assertEqual(asked("X: a=1", "X: b=2", by=by).instructions.metadata, {"b": "2"})
        by = control(X=TEXT | {"repeated": "add"})
        self.refused("tag_invalid", "contradicts", *twice, by=by)
        self.assertEqual(asked("X: a", "X: a", by=by).instructions.tag, "a")
        by = control(X={"sets": "files", "codec": "keys", "repeated": "add", "most": 2})
        self.refused("files_invalid", "more than 2", "X: a, b", "X: c", by=by)

    def test_a_default(self) -> None:
        """A default is said where the header is absent or empty."""
        by = control(X=TEXT | {"default": "untagged"})
        for fields in ((), ("X:",)):
            self.assertEqual(asked(*fields, by=by).instructions.tag, "untagged")
        self.assertEqual(asked("X: a", by=by).instructions.tag, "a")

    def test_the_header_that_authenticates(self) -> None:
        """Law 10: its value is cut and handed out by itself, and shows in no printed form."""
        by = control(X_Key={"sets": "api_key", "codec": "text"})
        found = asked("X-Key: hunter2", by=by)
        self.assertEqual(found.secret, "hunter2")
        self.assertNotIn("hunter2", repr(found).replace(repr(found.message.source), ""))
        self.assertNotIn(b"hunter2", found.message.encode())
        self.refused("auth_failed", "more than once", "X-Key: a", "X-Key: b", by=by)

    def test_cut_without_effect(self) -> None:
        """A header that sets nothing is cut all the same, however often it stands there."""
        by = control(X={"sets": "nothing", "codec": "text", "repeated": "add"})
        found = asked("X: a", "X: b", by=by)
        self.assertEqual((found.instructions, found.message.all("X")), (NOTHING, ()))

    def test_members(self) -> None:
        """One JSON object may set several things by its members, also by those of objects in it."""
        members = {
            "TagName": "tag",
            "options.opens": "track_opens",
            "options.clicks": "track_clicks",
            "about": "metadata",
            "data": "variables",
            "absent.deeper": "route",
        }
        by = control(X={"codec": "json", "members": members})
        told = {
            "TagName": 7,
            "options": {"opens": True, "clicks": "0"},
            "about": {"a": 1},
            "data": {"é": 1},
            "absent": 1,
        }
        found = asked("X: " + json.dumps(told), by=by).instructions
        self.assertEqual((found.tag, found.track_opens, found.track_clicks), ("7", True, False))
        self.assertEqual((found.metadata, found.variables, found.route), ({"a": "1"}, '{"é": 1}', ""))
        for member in ({"TagName": []}, {"TagName": True}, {"about": 1}, {"options": {"opens": "x"}}):
            self.refused("tag_invalid", "^member", "X: " + json.dumps(member), by=by)
        by = control(X={"codec": "base64json", "members": {"a": "tag"}})
        self.assertEqual(asked("X: eyJhIjoiYiJ9", by=by).instructions.tag, "b")

    def test_words_of_a_list(self) -> None:
        """Words of a list may be switches: those that are there are on, the others off."""
        by = control(X={"codec": "list", "members": {"opens": "track_opens", "clicks": "track_clicks"}})
        found = asked("X: Opens, other", by=by).instructions
        self.assertEqual((found.track_opens, found.track_clicks), (True, False))

    def test_other_codecs(self) -> None:
        """A tag may come as a list, of which the first counts; metadata as pairs, or in base64."""
        by = control(
            T={"sets": "tag", "codec": "list"},
            P={"sets": "metadata", "codec": "pairs"},
            B={"sets": "metadata", "codec": "base64json"},
        )
        found = asked("T: a, b", "P: c=d", "B: eyJhIjoiYiJ9", by=by).instructions
        self.assertEqual((found.tag, found.metadata), ("a", {"c": "d", "a": "b"}))
        self.assertEqual(asked("T: ,", by=by).instructions.tag, "")

    @given(OBJECT)
    @bounded
    def test_however_a_client_folds_it(self, told: dict[str, Any]) -> None:
        """A JSON header is read whether it is folded, one long line, or several encoded words of mixed kinds."""
        text = json.dumps(told, ensure_ascii=False)
        modern = EmailMessage()
        modern["Subject"] = "s"
        modern["X-Relay-Variables"] = text
        old = MIMEText("body")
        old["X-Relay-Variables"] = json.dumps(told)
        for source in (modern.as_bytes(), old.as_bytes(), f"X-Relay-Variables: {text}\r\n\r\n".encode()):
            said = read(Message.parse(source), STANDARD.headers).instructions.variables
            self.assertEqual(json.loads(said or ""), told)

    @given(st.lists(st.tuples(st.sampled_from([header.name for header in STANDARD.headers]), st.binary(max_size=60))))
    @bounded
    def test_any_octets(self, fields: list[tuple[str, bytes]]) -> None:
        """Whatever octets stand in control headers, they are read and cut, or refused with a reason."""
        source = b"".join(name.encode() + b"x: " + octets + b"\r\n" for name, octets in fields) + b"\r\nbody"
        try:
            found = read(Message.parse(source), STANDARD.headers)
        except Refusal as refusal:
            self.assertIn(refusal.key, vocabulary.REPLIES)
        else:
            self.assertTrue(all(STANDARD.headers.find(name) is None for name, _ in found.message.fields))


class NamesTests(SynchronousTestCase):
    def names(self, to: str, *keys: str) -> dict[str, str]:
        return dict(names(message(to), keys))

    def test_by_address(self) -> None:
        """The To field gives each recipient the name at its own address; its others are nobody's."""
        to = 'To: "Doe, Ann" <ann@a.test>, Bob <B@b.test>, eve@c.test, x <x@d.test>'
        found = self.names(to, "ann@a.test", "b@b.test", "eve@c.test", "y@d.test")
        self.assertEqual(found, {"ann@a.test": "Doe, Ann", "b@b.test": "Bob", "eve@c.test": ""})

    def test_one_and_one(self) -> None:
        """One To and one recipient: the name is theirs whatever the address says."""
        self.assertEqual(self.names("To: Ann <other@a.test>", "ann@a.test"), {"ann@a.test": "Ann"})
        self.assertEqual(self.names("To: Ann <other@a.test>", "ann@a.test", "bob@a.test"), {})

    def test_none(self) -> None:
        """Without a To that can be read nobody has a name."""
        self.assertEqual(self.names("Cc: Ann <ann@a.test>", "ann@a.test"), {})
        self.assertEqual(self.names("To: <<<", "ann@a.test"), {})
