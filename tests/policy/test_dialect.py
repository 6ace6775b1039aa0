"""What the shipped dialects say, and how the catalogue is searched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import State
from mailrelay.mail.reply import MAX_LINE, Reply
from mailrelay.policy import vocabulary
from mailrelay.policy.admission import RULES
from mailrelay.policy.dialect import DialectError, Dialects, load

SHIPPED = Dialects.shipped()

#: Values for every field that any text may show.
FIELDS: dict[str, object] = {
    "host": "relay.example",
    "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "limit": 26_214_400,
    "seconds": 10,
    "address": "user@example.org",
    "domain": "example.org",
    "header": "X-Relay-Metadata",
    "reason": "is not JSON: expecting property name enclosed in double quotes at character 2",
    "tag": "news",
    "route": "eu",
    "template": "welcome",
    "extension": "pdf",
    "key": "0123456789",
    "count": 1000,
    "size": 26_214_400,
    "left": 1_000_000,
    "name": "EICAR",
}


class ShippedTests(SynchronousTestCase):
    """The files that come with the package."""

    def test_names(self) -> None:
        """The dialects are there, our own first."""
        self.assertEqual(SHIPPED.names[0], "standard")
        self.assertLessEqual({"bare", "devino", "emaildelivery", "emailmassivo", "zeptomail"}, set(SHIPPED.names))
        self.assertEqual([dialect.name for dialect in SHIPPED], list(SHIPPED.names))

    def test_every_reply_fits_a_line(self) -> None:
        """Every reply of every dialect is one line of at most 512 octets, its code first (RFC 5321 4.5.3.1.5)."""
        for dialect in SHIPPED:
            for key in vocabulary.REPLIES:
                reply = dialect.reply(key, **FIELDS)
                line = reply.encode()
                self.assertLessEqual(len(line), MAX_LINE)
                self.assertTrue(line.startswith(b"%d " % reply.code) and line.endswith(b"\r\n"), (dialect.name, key))
                self.assertEqual(line.count(b"\r\n"), 1)

    def test_no_field_is_left_open(self) -> None:
        """No reply shows a brace: each field is filled in."""
        for dialect in SHIPPED:
            for key in vocabulary.REPLIES:
                self.assertNotRegex(dialect.reply(key, **FIELDS).text, "[{}]")

    def test_inside_failures_are_temporary(self) -> None:
        """S-6: a temporary inside failure is never answered 5xx, whatever dialect speaks."""
        for dialect in SHIPPED:
            self.assertTrue(dialect.reply("temporary").transient)

    def test_421_is_said_where_the_connection_closes(self) -> None:
        """What ends a session from our side is 421."""
        for dialect in SHIPPED:
            for key in ("unavailable", "shutdown", "timeout", "too_many_errors", "too_many_connections", "not_smtp"):
                self.assertEqual(dialect.reply(key).code, 421)

    def test_login_prompts(self) -> None:
        """LOGIN prompts are exactly those that clients know; PLAIN's challenge is empty unless a service has words."""
        for dialect in SHIPPED:
            self.assertEqual(dialect.reply("auth_login_username").encode(), b"334 VXNlcm5hbWU6\r\n")
            self.assertEqual(dialect.reply("auth_login_password").encode(), b"334 UGFzc3dvcmQ6\r\n")
            said = b"Give me your credentials" if dialect.name == "emaildelivery" else b""
            self.assertEqual(dialect.reply("auth_plain_challenge").encode(), b"334 %s\r\n" % said)

    def test_queued_matches_what_clients_look_for(self) -> None:
        """The final 250 shows the id in the words by which client libraries find it, unless a service has its own."""
        for dialect in SHIPPED:
            if dialect.name == "emaildelivery":
                self.assertEqual(str(dialect.reply("queued", id="01J")), "250 Thank you.")
                continue
            self.assertEqual(dialect.reply("queued", id="01J").encode(), b"250 Ok: queued as 01J\r\n")

    def test_statuses_are_complete(self) -> None:
        """Every state has a word."""
        for dialect in SHIPPED:
            self.assertEqual(set(dialect.statuses), set(State))

    def test_every_rule_is_known(self) -> None:
        """The rules that a dialect may name are those that there are."""
        self.assertEqual({stage: tuple(rules) for stage, rules in RULES.items()}, dict(vocabulary.STAGES))


class StandardTests(SynchronousTestCase):
    """Our own dialect."""

    dialect = SHIPPED.get("standard")

    def test_offers(self) -> None:
        """EHLO lists everything that the server can do."""
        self.assertEqual(self.dialect.extensions, vocabulary.EXTENSIONS)

    def test_status_stands_wherever_it_may(self) -> None:
        """With ENHANCEDSTATUSCODES every reply has a status but for the greeting, HELO, EHLO, 3xx and the final 250."""
        bare = {key for key in vocabulary.REPLIES if self.dialect.reply(key, **FIELDS).status is None}
        self.assertEqual(
            bare,
            {"greeting", "helo", "ehlo", "data_go", "queued"}
            | {"auth_plain_challenge", "auth_login_username", "auth_login_password"},
        )

    def test_codes_of_the_case_catalogue(self) -> None:
        """P1, P5, P8, P14, P21, P24, P27, S9, A1, L3, O13: the replies that the cases ask for."""
        for key, wanted in {
            "hello_first": "503 5.5.1",
            "unknown_command": "500 5.5.2",
            "parameter_bad": "501 5.5.4",
            "parameter_unknown": "555 5.5.4",
            "size_exceeded": "552 5.3.4",
            "no_valid_recipients": "554 5.5.1",
            "recipient_syntax": "501 5.1.3",
            "utf8_needed": "553 5.6.7",
            "not_smtp": "421 4.7.0",
            "bad_content": "554 5.6.0",
            "auth_malformed": "501 5.5.2",
            "too_many_recipients": "452 4.5.3",
            "too_many_hops": "554 5.4.6",
            "from_disallowed": "550 5.7.1",
            "auth_required": "530 5.7.0",
            "tls_required": "530 5.7.0",
        }.items():
            reply = self.dialect.reply(key, **FIELDS)
            self.assertEqual(f"{reply.code} {reply.status}", wanted, key)

    def test_states_are_our_own_words(self) -> None:
        """The standard dialect calls a state by its name."""
        self.assertEqual(self.dialect.statuses, {state: state.value for state in State})


class EmailMassivoTests(SynchronousTestCase):
    """The dialect of a service, at its SMTP face."""

    dialect = SHIPPED.get("emailmassivo")

    def test_ten_replies(self) -> None:
        """The ten replies of the service stand character for character, the seconds being the real ones."""
        for key, wanted in {
            "unavailable": "421 4.4.5 Server is temporarily unavailable",
            "balance_short": "450 Balance not enough",
            "auth_throttled": "454 4.7.0 Too many login attempts",
            "rate_limited": "451 4.3.2 Rate limit exceeded, retry after 10 seconds",
            "auth_failed": "535 5.7.8 Incorrect login or password",
            "domain_unverified": "421 Domain not verify",
            "domain_unknown": "553 Domain not found",
            "recipient_suppressed": "550 Email receiver unsubscribe or complaint",
            "from_missing": '550 5.6.0 Message rejected: Missing required "From" header',
            "mailbox_limit": "553 Recipient has exceeded mailbox limit",
        }.items():
            self.assertEqual(self.dialect.reply(key, **FIELDS).encode(), f"{wanted}\r\n".encode("ascii"))

    def test_seconds_are_never_inflected(self) -> None:
        """One second is told as "1 seconds": clients match on the word."""
        self.assertEqual(
            str(self.dialect.reply("rate_limited", seconds=1)),
            "451 4.3.2 Rate limit exceeded, retry after 1 seconds",
        )

    def test_login_missing_is_answered_as_a_wrong_one(self) -> None:
        """Without a login MAIL gets the text for a wrong one, which is all that some clients show."""
        self.assertEqual(self.dialect.reply("auth_required"), self.dialect.reply("auth_failed"))

    def test_inside_failure(self) -> None:
        """A temporary inside failure has our common text."""
        self.assertEqual(str(self.dialect.reply("temporary")), "451 4.3.0 Temporary failure, try again later")

    def test_status_codes_are_not_offered(self) -> None:
        """Statuses are mixed, so EHLO does not promise them, and what the service does not name is bare."""
        self.assertEqual(self.dialect.extensions, ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "STARTTLS", "AUTH"))
        for key in ("mail_ok", "rcpt_ok", "reset", "bad_sequence", "unknown_command", "bye", "auth_ok"):
            self.assertIsNone(self.dialect.reply(key).status)

    def test_ports(self) -> None:
        """587 and 25 take STARTTLS and plain, 465 is TLS from the start."""
        self.assertEqual(dict(self.dialect.ports), {"starttls": (587, 25), "plain": (587, 25), "tls": (465,)})

    def test_states(self) -> None:
        """States in the service's words."""
        self.assertEqual(
            {state.value: word for state, word in self.dialect.statuses.items()},
            {
                "queued": "accepted",
                "deferred": "soft_bounce",
                "delivered": "delivered",
                "bounced": "hard_bounce",
                "failed": "soft_bounce",
                "expired": "soft_bounce",
                "suppressed": "rejected",
            },
        )

    def test_terms(self) -> None:
        """Only the connection's own domain sends, sends are charged on accept, hard bounces are not refused, and no
        mail tells of what could not be delivered."""
        self.assertEqual(self.dialect.options["sender"], "connection")
        self.assertEqual(self.dialect.billing, "accept")
        self.assertEqual(self.dialect.suppressed, "refuse")
        self.assertNotIn("hard_bounce", self.dialect.suppressing)
        self.assertLessEqual({"unsubscribe", "complaint"}, set(self.dialect.suppressing))
        self.assertFalse(self.dialect.dsn)
        self.assertTrue(SHIPPED.get("standard").dsn)

    def test_alias(self) -> None:
        """The platform's other name is the same dialect, in any case."""
        self.assertIs(SHIPPED.get("rusender"), self.dialect)
        self.assertIs(SHIPPED.get("RuSender"), self.dialect)


class ReplyTests(SynchronousTestCase):
    """How a key becomes a reply."""

    dialect = SHIPPED.get("standard")

    def test_unknown_key(self) -> None:
        """A key that does not exist is a `KeyError`."""
        self.assertRaises(KeyError, self.dialect.reply, "no_such_key")

    def test_missing_field(self) -> None:
        """A field that the text shows and nobody gave is a `KeyError` that names it."""
        error = self.assertRaises(KeyError, self.dialect.reply, "queued")
        self.assertEqual(error.args, ("id",))

    def test_fields_that_no_text_shows(self) -> None:
        """Fields may be given that this dialect's text does not show."""
        self.assertEqual(
            SHIPPED.get("emailmassivo").reply("domain_unknown", domain="x.example"),
            Reply(553, None, "Domain not found"),
        )

    @given(st.text(max_size=300))
    def test_a_value_never_begins_a_line(self, value: str) -> None:
        """P21, S-7: whatever an address holds, the reply stays one line of printable ASCII."""
        line = self.dialect.reply("sender_disallowed", address=value).encode()
        self.assertEqual(line.count(b"\r\n"), 1)
        self.assertLessEqual(len(line), MAX_LINE)
        self.assertTrue(line[:-2].decode("ascii").isprintable())


class ListenerTests(SynchronousTestCase):
    """Which connections a listener can take."""

    def test_promises_hold_after_login(self) -> None:
        """A listener carries a dialect whose EHLO set, in any order, and moment of login are its own."""
        standard = SHIPPED.get("standard")
        for dialect in SHIPPED:
            self.assertTrue(dialect.carries(dialect))
        self.assertTrue(standard.carries(replace(standard, extensions=standard.extensions[::-1])))
        self.assertFalse(standard.carries(replace(standard, extensions=standard.extensions[1:])))
        self.assertFalse(standard.carries(replace(standard, credentials_at="data")))

    def test_sandbox_ports(self) -> None:
        """Each shipped dialect says for each of its ports where the sandbox listens, and no two share one."""
        offsets = [offset for dialect in SHIPPED for offset in dialect.sandbox.values()]
        self.assertEqual(len(offsets), len(set(offsets)))
        for dialect in SHIPPED:
            if dialect.sandbox:
                self.assertEqual(set(dialect.sandbox), {port for ports in dialect.ports.values() for port in ports})


class CatalogueTests(SynchronousTestCase):
    """`Dialects`, with those that an installation adds."""

    def folder(self, **files: str) -> Path:
        """A folder with these dialect files."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.toml").write_text(text, "utf-8")
        return folder

    def test_own_dialect(self) -> None:
        """A file in the folder of the installation adds a dialect of its name."""
        dialects = Dialects.shipped(self.folder(mine='inherits = "standard"\ntitle = "Mine"\naliases = ["ours"]\n'))
        self.assertEqual(dialects.names, (*SHIPPED.names, "mine"))
        self.assertEqual(dialects.get("ours").title, "Mine")
        self.assertIn("Mine", dialects)

    def test_missing_folder(self) -> None:
        """A folder that does not exist adds nothing."""
        self.assertEqual(Dialects.shipped(Path(self.mktemp())).names, SHIPPED.names)

    def test_unknown_name(self) -> None:
        """A name that nobody has is a `KeyError`, and not in the catalogue."""
        self.assertRaises(KeyError, SHIPPED.get, "nobody")
        self.assertNotIn("nobody", SHIPPED)

    def test_name_taken(self) -> None:
        """A dialect can take neither the name nor the alias of another."""
        folder = self.folder(mine='inherits = "standard"\ntitle = "Mine"\naliases = ["rusender", "standard"]\n')
        error = self.assertRaises(DialectError, Dialects.shipped, folder)
        self.assertEqual(
            error.faults,
            (
                "mine.toml: name: 'rusender' is taken by dialect emailmassivo",
                "mine.toml: name: 'standard' is taken by dialect standard",
            ),
        )

    def test_faults_of_all_files(self) -> None:
        """The faults of every file come at once, each under the path of its file."""
        folder = self.folder(a='inherits = "standard"\n', b='inherits = "standard"\ntitle = ""\n')
        error = self.assertRaises(DialectError, Dialects.shipped, folder)
        self.assertEqual(
            error.faults, (f"{folder}/a.toml: title: missing", f"{folder}/b.toml: title: must not be empty")
        )
        self.assertEqual(str(error), "\n".join(error.faults))

    def test_path_and_name(self) -> None:
        """A path gives the name by its stem, unless a name is given."""
        folder = self.folder(mine='inherits = "standard"\ntitle = "Mine"\n')
        self.assertEqual(load(folder / "mine.toml").name, "mine")
        self.assertEqual(load(folder / "mine.toml", "other").name, "other")
