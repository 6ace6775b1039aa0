"""What is refused in a dialect file: each fault with its exact message, and all of them at once."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import State
from mailrelay.mail.reply import Reply
from mailrelay.policy.dialect import Dialect, DialectError, Dialects, load

HEAD = 'inherits = "standard"\ntitle = "T"\n'


def read(text: str) -> Dialect:
    """A dialect that inherits and states this besides."""
    return load(HEAD + text, "mine")


#: What every dialect must state or inherit.
SETTINGS = (
    "title",
    "extensions",
    "size",
    "recipients",
    "credentials_at",
    "bare_ehlo",
    "billing",
    "dsn",
    "suppressed",
    "suppressing",
    "username",
    "credential",
    "key_usernames",
    "login_needs_balance",
    "sender_path",
    "return_path",
    "ports",
    "headers_kept",
    "recipient_names",
    "recipients_sent",
    "over_limit",
    "tag_limit",
    "options",
    "stages",
    "statuses",
    "statistics",
    "replies",
)

#: What is stated besides a sound head, and the faults it has without their ``mine.toml: ``.
FAULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # keys
    ("colour = 1", ("colour: unknown key",)),
    ("[replies]\nhello = '250 Hi'", ("replies.hello: unknown key",)),
    ("[stages]\nquit = []", ("stages.quit: unknown key",)),
    ("[statuses]\nlost = 'gone'", ("statuses.lost: unknown key",)),
    ("[ports]\nssl = [465]", ("ports.ssl: unknown key",)),
    # kinds of values
    ("size = '1M'", ("size: must be a whole number, not a text",)),
    ("size = true", ("size: must be a whole number, not true or false",)),
    ("size = 1.5", ("size: must be a whole number, not a number",)),
    ("size = 2026-01-01", ("size: must be a whole number, not a date or time",)),
    ("bare_ehlo = 1", ("bare_ehlo: must be true or false, not a whole number",)),
    ("dsn = 'yes'", ("dsn: must be true or false, not a text",)),
    ("username = 1", ("username: must be a text, not a whole number",)),
    ("aliases = 'a'", ("aliases: must be a list, not a text",)),
    ("aliases = [1]", ("aliases[0]: must be a text, not a whole number",)),
    ("replies = 1", ("replies: must be a table, not a whole number",)),
    ("billing = 1", ("billing: must be a text, not a whole number",)),
    ("suppressing = [1]", ("suppressing[0]: must be a text, not a whole number",)),
    ("[replies]\nnoop = 250", ("replies.noop: must be a text, not a whole number",)),
    ("[ports]\nplain = ['25']", ("ports.plain[0]: must be a whole number, not a text",)),
    ("[ports]\nplain = 25", ("ports.plain: must be a list, not a whole number",)),
    # bounds
    ("size = 0", ("size: must be from 1 to 1099511627776, not 0",)),
    ("recipients = 100001", ("recipients: must be from 1 to 100000, not 100001",)),
    ("[ports]\nplain = [65536]", ("ports.plain[0]: must be from 1 to 65535, not 65536",)),
    ("username = ''", ("username: must not be empty",)),
    ("[statuses]\nqueued = ''", ("statuses.queued: must not be empty",)),
    ("[replies]\nnoop = ''", ("replies.noop: must not be empty",)),
    ("[sandbox]\n587 = 0", ("sandbox.587: must be from 1 to 65535, not 0",)),
    # closed sets
    ("[sandbox]\n26 = 26", ("sandbox.26: unknown key",)),
    ("[sandbox]\nsmtp = 26", ("sandbox.smtp: unknown key",)),
    ("billing = 'later'", ("billing: must be one of accept, attempt, not 'later'",)),
    ("credentials_at = 'mail'", ("credentials_at: must be one of auth, data, not 'mail'",)),
    ("[options]\ncolour = 1", ("options.colour: unknown key",)),
    ("[options]\nsender = 'any'", ("options.sender: must be one of domain, connection, address, not 'any'",)),
    ("[options]\ntrack_opens = 1", ("options.track_opens: must be true or false, not a whole number",)),
    ("[options]\ndefault_route = 1", ("options.default_route: must be a text, not a whole number",)),
    ("[options]\nbounce_address = 'me'", ("options.bounce_address: 'me' is not an address: domain missing",)),
    ("[options]\nreplies = ['loud']", ("options.replies[0]: must be one of the forms under [variants], not 'loud'",)),
    (
        "key_usernames = ['key', 'a*', '{id}']",
        (
            "key_usernames[1]: must be one of *, *@{domain}, {key} or a fixed name, not 'a*'",
            "key_usernames[2]: must be one of *, *@{domain}, {key} or a fixed name, not '{id}'",
        ),
    ),
    ("sender_path = 'some'", ("sender_path: must be one of strict, any, not 'some'",)),
    ("return_path = 'ours'", ("return_path: must be one of client, bounce_address, not 'ours'",)),
    ("variants = 1", ("variants: must be a table, not a whole number",)),
    ("[variants.Loud]\nnoop = '250 OK'", ("variants.Loud: is not a lower-case word",)),
    ("[variants.loud]\nhello = '250 OK'", ("variants.loud.hello: unknown key",)),
    ("[variants.loud]\nnoop = '251 OK'", ("variants.loud.noop: must have code 250, not 251",)),
    ("[variants]\nloud = 1", ("variants.loud: must be a table, not a whole number",)),
    ("suppressed = 'send'", ("suppressed: must be one of refuse, fail, drop, not 'send'",)),
    (
        "suppressing = ['age']",
        ("suppressing[0]: must be one of unsubscribe, complaint, hard_bounce, manual, not 'age'",),
    ),
    (
        "extensions = ['STARTTLS', 'AUTH', 'CHUNKING']",
        (
            "extensions[2]: must be one of PIPELINING, SIZE, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, STARTTLS, AUTH,"
            " not 'CHUNKING'",
        ),
    ),
    ("extensions = ['STARTTLS', 'AUTH', 'AUTH']", ("extensions: names 'AUTH' more than once",)),
    ("extensions = ['STARTTLS']", ("extensions: must offer AUTH where credentials are judged at auth",)),
    ("extensions = ['AUTH']", ("extensions: must offer STARTTLS where ports do",)),
    ("[stages]\nrate = ['paused']", ("stages.rate[0]: must be one of rate, not 'paused'",)),
    ("aliases = ['Mine!']", ("aliases: 'Mine!' is not a lower-case word",)),
    ("aliases = ['a', 'a']", ("aliases: names 'a' more than once",)),
    # user names
    ("username = '{user}'", ("username: unknown field {user}; it may show domain, name",)),
    ("username = '{name'", ("username: has a brace without its partner",)),
    # replies
    ("[replies]\nnoop = 'Ok'", ("replies.noop: must begin with a code of three digits and a space",)),
    ("[replies]\nnoop = '250-Ok'", ("replies.noop: must begin with a code of three digits and a space",)),
    ("[replies]\nnoop = '٢٥٠ Ok'", ("replies.noop: must begin with a code of three digits and a space",)),
    ("[replies]\nnoop = '450 Ok'", ("replies.noop: must have code 250, not 450",)),
    ("[replies]\nauth_failed = '250 Ok'", ("replies.auth_failed: must have code 500 to 599, not 250",)),
    ("[replies]\ntemporary = '554 No'", ("replies.temporary: must have code 400 to 499, not 554",)),
    ("[replies]\nrate_limited = '550 No'", ("replies.rate_limited: must have code 400 to 499, not 550",)),
    ("[replies]\ntimeout = '451 Bye'", ("replies.timeout: must have code 421, not 451",)),
    ("[replies]\ndomain_unknown = '699 No'", ("replies.domain_unknown: must have code 400 to 599, not 699",)),
    ("[replies]\nverify = '354 Go'", ("replies.verify: must have code 200 to 299, not 354",)),
    ("[replies]\nauth_failed = '535 4.7.8 No'", ("replies.auth_failed: status 4.7.8 does not fit code 535",)),
    ("[replies]\ndata_go = '354 2.0.0 Go'", ("replies.data_go: status 2.0.0 does not fit code 354",)),
    ("[replies]\nnoop = '250'", ("replies.noop: must have a text",)),
    ("[replies]\nnoop = '250 2.0.0'", ("replies.noop: must have a text",)),
    (f"[replies]\nnoop = '250 {'x' * 401}'", ("replies.noop: must have at most 400 characters, not 401",)),
    ("[replies]\nnoop = '250 Olá'", ("replies.noop: must be one line of printable ASCII",)),
    ('[replies]\nnoop = "250 a\\nb"', ("replies.noop: must be one line of printable ASCII",)),
    ('[replies]\nnoop = "250 a\\u001b[2J"', ("replies.noop: must be one line of printable ASCII",)),
    ("[replies]\nnoop = '250 {host}'", ("replies.noop: unknown field {host}; it has no fields",)),
    ("[replies]\nqueued = '250 {host}'", ("replies.queued: unknown field {host}; it may show id",)),
    ("[replies]\nqueued = '250 {id.a}'", ("replies.queued: unknown field {id.a}; it may show id",)),
    ("[replies]\nqueued = '250 {}'", ("replies.queued: unknown field {}; it may show id",)),
    ("[replies]\nqueued = '250 {id!r}'", ("replies.queued: field {id} must stand without conversion or format",)),
    ("[replies]\nqueued = '250 {id:>9}'", ("replies.queued: field {id} must stand without conversion or format",)),
    ("[replies]\nqueued = '250 {id'", ("replies.queued: has a brace without its partner",)),
    ("[statuses]\nqueued = 1", ("statuses.queued: must be a text, not a whole number",)),
)


class FaultTests(SynchronousTestCase):
    """Faults one by one."""

    def test_each_fault(self) -> None:
        """Every fault is told as file, key and reason."""
        for text, faults in FAULTS:
            error = self.assertRaises(DialectError, read, text)
            self.assertEqual(error.faults, tuple(f"mine.toml: {fault}" for fault in faults), text)

    def test_all_at_once(self) -> None:
        """One reading tells every fault of a file."""
        error = self.assertRaises(
            DialectError, load, 'inherits = "standard"\nsize = 0\nx = 1\n[replies]\ny = 1', "mine"
        )
        self.assertCountEqual(
            error.faults,
            (
                "mine.toml: x: unknown key",
                "mine.toml: title: missing",
                "mine.toml: size: must be from 1 to 1099511627776, not 0",
                "mine.toml: replies.y: unknown key",
            ),
        )

    def test_nothing_stated(self) -> None:
        """A file that neither states nor inherits anything lacks every setting and table."""
        error = self.assertRaises(DialectError, load, "", "mine")
        self.assertCountEqual(error.faults, [f"mine.toml: {key}: missing" for key in SETTINGS])

    def test_incomplete_tables(self) -> None:
        """A file that inherits nothing must state each key of a table."""
        error = self.assertRaises(DialectError, load, "[stages]\n[statuses]\n[replies]\n", "mine")
        for key in ("stages.mail", "statuses.expired", "replies.greeting", "replies.from_ambiguous"):
            self.assertIn(f"mine.toml: {key}: missing", error.faults)

    def test_inherits_only_from_shipped_ones(self) -> None:
        """One inherits from a dialect that comes with the package."""
        error = self.assertRaises(DialectError, load, 'inherits = "nobody"\n', "mine")
        self.assertRegex(error.faults[0], "mine.toml: inherits: must be one of bare, .*, not 'nobody'")

    def test_circle(self) -> None:
        """A dialect cannot inherit from itself, by whatever way round."""
        error = self.assertRaises(DialectError, load, 'title = "T"\ninherits = "emailmassivo"\n', "standard")
        self.assertEqual(
            error.faults[0],
            "standard.toml: inherits: goes round in a circle: standard from emailmassivo from bare from standard",
        )

    def test_name(self) -> None:
        """A dialect's name is a lower-case word."""
        error = self.assertRaises(DialectError, load, HEAD, "My dialect")
        self.assertEqual(error.faults, ("My dialect.toml: name: 'My dialect' is not a lower-case word",))


class FileTests(SynchronousTestCase):
    """Files that cannot be read at all."""

    def path(self, content: bytes) -> Path:
        """A file with this content."""
        path = Path(self.mktemp())
        path.write_bytes(content)
        return path

    def test_syntax_error(self) -> None:
        """What is no TOML is told with its line."""
        error = self.assertRaises(DialectError, load, "title = 'x'\nsize = = 1\n", "mine")
        self.assertEqual(error.faults, ("mine.toml: line 2: Invalid value",))

    def test_syntax_error_at_the_end(self) -> None:
        """A text that breaks off is told as such."""
        error = self.assertRaises(DialectError, load, "size =", "mine")
        self.assertEqual(error.faults, ("mine.toml: end: Invalid value",))

    def test_deep_nesting(self) -> None:
        """Nesting without end is a fault, not a crash."""
        error = self.assertRaises(DialectError, load, "size = " + "[" * 100_000, "mine")
        self.assertEqual(error.faults, ("mine.toml: file: is nested too deep",))

    def test_no_file(self) -> None:
        """A missing file is told with its path."""
        path = Path(self.mktemp())
        error = self.assertRaises(DialectError, load, path)
        self.assertEqual(error.faults, (f"{path}: file: No such file or directory",))

    def test_not_utf_8(self) -> None:
        """TOML is UTF-8."""
        path = self.path(b"title = '\xff'")
        error = self.assertRaises(DialectError, load, path)
        self.assertEqual(error.faults, (f"{path}: file: is not UTF-8",))

    @given(st.text(alphabet="abrestiz_=[]{}'\"\n.,# 01250", max_size=60))
    def test_nothing_else_is_raised(self, text: str) -> None:
        """Whatever stands in a file, the answer is a dialect or a `DialectError` whose faults name the file."""
        try:
            load(HEAD + text, "mine")
        except DialectError as error:
            self.assertTrue(error.faults)
            for fault in error.faults:
                self.assertTrue(fault.startswith("mine.toml: "))


class InheritanceTests(SynchronousTestCase):
    """What a file states over what it inherits."""

    def test_everything_else_is_inherited(self) -> None:
        """A file that states only its title speaks as standard does, under its own name and without its aliases."""
        standard, mine = Dialects.shipped().get("standard"), read("")
        self.assertEqual((mine.replies, mine.headers_kept), (standard.replies, standard.headers_kept))
        self.assertEqual([each.name for each in mine.headers], [each.name for each in standard.headers])
        self.assertEqual((mine.name, mine.title, mine.aliases), ("mine", "T", ()))

    def test_over_several_steps(self) -> None:
        """What is inherited may be inherited itself; the nearest that states a key is heard."""
        mine = load('inherits = "emailmassivo"\ntitle = "M"\n[replies]\nnoop = "250 Yes"\n', "mine")
        theirs = Dialects.shipped().get("emailmassivo")
        self.assertEqual(mine.replies, {**theirs.replies, "noop": mine.replies["noop"]})
        self.assertEqual(
            (mine.options, mine.extensions, mine.statuses), (theirs.options, theirs.extensions, theirs.statuses)
        )
        self.assertEqual((mine.aliases, len(mine.sandbox), len(mine.headers)), ((), 0, 0))

    def test_forms_of_replies(self) -> None:
        """A form of replies speaks where the option names it, the later over the earlier, and nowhere else."""
        forms = "[variants.loud]\nnoop = '250 OK!'\nreset = '250 OK!'\n[variants.odd]\nnoop = '250 Odd'\n"
        mine = read(forms)
        self.assertEqual(mine.reply("noop"), Reply(250, "2.0.0", "Ok"))
        self.assertIs(mine.speaking(mine.options), mine)
        loud = mine.speaking({**mine.options, "replies": ("loud", "odd")})
        self.assertEqual([loud.reply(key).text for key in ("noop", "reset", "help")][:2], ["Odd", "OK!"])
        self.assertEqual(loud.speaking(mine.options).replies, mine.replies)
        chosen = read(f"{forms}[options]\nreplies = ['loud']")
        self.assertEqual(chosen.reply("noop").text, "OK!")

    def test_inside_failures_called_permanent_on_purpose(self) -> None:
        """S-6: only a form that somebody chooses may call an inside failure permanent."""
        mine = read("[variants.hard]\ntemporary = '554 No'")
        self.assertEqual(mine.reply("temporary").code, 451)
        self.assertEqual(mine.speaking({**mine.options, "replies": ("hard",)}).reply("temporary").code, 554)

    def test_single_keys_of_tables(self) -> None:
        """Replies, statuses and stages are replaced key by key."""
        mine = read("[replies]\nnoop = '250 Yes'\n[statuses]\nqueued = 'Отправляется'\n[stages]\nrate = []")
        self.assertEqual(mine.reply("noop"), Reply(250, None, "Yes"))
        self.assertEqual(mine.reply("reset").code, 250)
        self.assertEqual(mine.statuses[State.QUEUED], "Отправляется")
        self.assertEqual(mine.statuses[State.EXPIRED], "expired")
        self.assertEqual(mine.stages["rate"], ())
        self.assertIn("paused", mine.stages["mail"])

    def test_ports_are_replaced_whole(self) -> None:
        """A service without implicit TLS states the ports that it has."""
        self.assertEqual(dict(read("[ports]\nplain = [2525]").ports), {"plain": (2525,)})

    def test_doubled_braces(self) -> None:
        """A brace that is meant stands doubled, with fields and without."""
        mine = read("[replies]\nnoop = '250 {{Ok}}'\nqueued = '250 {{{id}}}'")
        self.assertEqual(mine.reply("noop").text, "{Ok}")
        self.assertEqual(mine.reply("queued", id="1").text, "{1}")

    def test_status_is_told_from_text(self) -> None:
        """Only three numbers with dots, standing alone, are a status."""
        self.assertEqual(read("[replies]\nnoop = '250 2.0.0 Ok'").reply("noop"), Reply(250, "2.0.0", "Ok"))
        self.assertEqual(read("[replies]\nnoop = '250 2.0.0, Ok'").reply("noop"), Reply(250, None, "2.0.0, Ok"))

    def test_bounds_are_allowed(self) -> None:
        """The lowest and highest of what is allowed are taken."""
        for size in (1, 1 << 40):
            self.assertEqual(read(f"size = {size}").size, size)
        self.assertEqual(read("[ports]\nplain = [1, 65535]").ports["plain"], (1, 65535))
        self.assertEqual(len(read(f"[replies]\nnoop = '250 {'x' * 400}'").reply("noop").text), 400)

    def test_a_sealed_value(self) -> None:
        """A dialect cannot be changed once it is loaded."""
        mine = read("")
        self.assertRaises(AttributeError, setattr, mine, "size", 1)
        for table in (mine.replies, mine.statuses, mine.stages, mine.ports):
            self.assertNotIsInstance(table, dict)
