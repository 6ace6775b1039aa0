"""Shaping: which rule holds for a host, what a refusal leads to, and what a file may say."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Reply
from mailrelay.policy.bounce import reply_of
from mailrelay.policy.shaping import DEFAULT, OTHERS, Rate, Shaping, ShapingError, installed, load, shaping_of, shipped

#: Hosts as MX records name them, and the provider that each belongs to.
HOSTS = (
    ("gmail-smtp-in.l.google.com", "google"),
    ("ASPMX.L.GOOGLE.COM.", "google"),
    ("alt1.aspmx.l.google.com", "google"),
    ("shop-example.mail.protection.outlook.com", "microsoft"),
    ("outlook-com.olc.protection.outlook.com", "microsoft"),
    ("mta5.am0.yahoodns.net", "yahoo"),
    ("mx01.mail.icloud.com", "apple"),
    ("mxs.mail.ru", "mailru"),
    ("mx.yandex.net", "yandex"),
    ("mx00.gmx.net", "unitedinternet"),
    ("smtp-in.orange.fr", "orange"),
    ("mx1.mxge.comcast.net", "comcast"),
    ("notgoogle.com", DEFAULT),
    ("google.com.evil.example", DEFAULT),
    ("com", DEFAULT),
    ("", DEFAULT),
)

#: What hosts say (shortened), and what it leads to.
SAID = (
    ("google", "421 4.7.28 Our system has detected an unusual rate of unsolicited mail", "pause for 600 s"),
    ("google", "450 4.2.1 The user you are trying to contact is receiving mail too quickly", "none"),
    ("microsoft", "550 5.7.1 messages from [192.0.2.1] weren't sent, part of their network is on our block list",
     "elsewhere"),
    ("microsoft", "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited", "pause for 900 s"),
    ("microsoft", "451 4.7.500 Server busy. Please try again later", "slow by 0.5 for 900 s"),
    ("yahoo", "421 4.7.0 [TSS04] Messages temporarily deferred due to unexpected volume", "pause for 1800 s"),
    ("default", "421 4.7.0 Too many connections from your IP", "slow by 0.5 for 900 s"),
    ("default", "450 4.2.0 Greylisted, come back in 300 seconds", "None"),
    ("default", "550 5.1.1 User unknown", "None"),
    ("default", "554 5.7.1 Client host [192.0.2.1] blocked using zen.example", "elsewhere"),
    ("default", "451 4.5.3 too many messages in this connection", "drop"),
    ("default", "554 5.5.0 too many messages in this connection", "drop"),
)  # fmt: skip

WHOLE = '[default]\nconnections = 4\nstart = 2\nmessages = 10\nrate = "60/min"\n'


class ShippedTests(SynchronousTestCase):
    """The rules of the package."""

    def test_hosts(self) -> None:
        """A host belongs to the provider whose suffix its name ends with, whole labels only and in any case."""
        shaping = shaping_of(shipped())
        self.assertEqual([(host, shaping.of_host(host).name) for host, _ in HOSTS], list(HOSTS))
        told = [OTHERS if name == "default" else name for _, name in HOSTS]
        self.assertEqual([shaping.provider(host) for host, _ in HOSTS], told)

    def test_replies(self) -> None:
        """What the large receivers say when one is too fast leads to less, and what speaks of a mailbox to nothing."""
        rules = shaping_of(shipped()).rules
        for name, text, reaction in SAID:
            self.assertEqual(str(rules[name].reaction(reply_of(text))), reaction, text)

    def test_every_rule(self) -> None:
        """Each shipped rule says for whom it is, has bounds, begins with no more than it may have, and asks the replies
        of the default after its own."""
        shaping = shaping_of(shipped())
        for rule in shaping.rules.values():
            self.assertTrue(rule.about, rule.name)
            self.assertEqual(rule.replies[len(rule.replies) - len(shaping.default.replies) :], shaping.default.replies)
        self.assertEqual(list(shaping.rules)[-1], DEFAULT)
        self.assertIsNone(shaping.default.rate)

    @given(st.text(max_size=300), st.integers(400, 599))
    def test_any_text(self, text: str, code: int) -> None:
        """Every reply may be asked about."""
        for rule in shaping_of(shipped()).rules.values():
            rule.reaction(Reply(code, None, text))

    @given(st.text(max_size=80))
    def test_any_host(self, host: str) -> None:
        """Every host has a rule."""
        self.assertIsNotNone(shaping_of(shipped()).of_host(host))


class MergeTests(SynchronousTestCase):
    """A file of an installation's own."""

    def merged(self, text: str) -> Shaping:
        return shaping_of(load(text, "mine.toml", shipped()))

    def test_one_key(self) -> None:
        """A key that is given stands in for the shipped one, and leaves the others alone."""
        before, after = (
            shaping_of(shipped()).rules["google"],
            self.merged("[google]\nconnections = 3\n").rules["google"],
        )
        self.assertEqual((after.connections, after.messages, after.mx), (3, before.messages, before.mx))

    def test_replies_first(self) -> None:
        """Replies of one's own are asked first: also one that takes a shipped one away."""
        said = Reply(421, "4.7.28", "unusual rate of mail")
        shaping = self.merged('[google]\nreplies = [{ codes = [421], text = "4[.]7[.]28", action = "none" }]\n')
        self.assertEqual(str(shaping.rules["google"].reaction(said)), "none")
        self.assertEqual(str(shaping.rules["google"].reaction(Reply(421, "4.7.26", "x"))), "slow by 0.5 for 1800 s")

    def test_a_new_provider(self) -> None:
        """A provider that is not shipped is known by its hosts, and is as the default where it says nothing."""
        shaping = self.merged('[default]\nmessages = 7\n\n[mine]\nmx = ["mx.mine.example"]\nrate = "2/s"\n')
        rule = shaping.of_host("a.mx.mine.example")
        self.assertEqual((rule.name, rule.about, rule.messages, rule.rate), ("mine", "", 7, Rate(2, 1)))
        self.assertEqual(rule.replies, shaping.default.replies)

    def test_no_rate(self) -> None:
        """An empty rate takes a bound away."""
        self.assertIsNone(self.merged('[google]\nrate = ""\n').rules["google"].rate)

    def test_rates(self) -> None:
        """A rate is a number of messages in a second, minute, hour or day; what a second allows may go at once."""
        for text, burst in (("5/s", 5), ("600/min", 10), ("30/h", 1), ("200000/day", 2)):
            rate = shaping_of(load(f'[default]\nrate = "{text}"\n', "f")).default.rate
            assert rate is not None
            self.assertEqual((str(rate), rate.burst), (text, burst))


class FaultTests(SynchronousTestCase):
    """What is wrong with a file."""

    def faults(self, text: str) -> list[str]:
        error = self.assertRaises(ShapingError, load, text, "mine.toml", shipped())
        self.assertEqual(str(error), "\n".join(error.faults))
        return [fault.removeprefix("mine.toml: ") for fault in error.faults]

    def test_all_at_once(self) -> None:
        """Everything that is wrong is said at once, as file: key: reason."""
        text = """
[Bad]
[google]
connections = 0
start = "1"
rate = "fast"
about = ""
more = 1
[mine]
rate = 5
[other]
mx = ["google.com", "UPPER"]
[default]
mx = ["x.example"]
"""
        self.assertEqual(
            self.faults(text),
            [
                "Bad: must be of small letters, digits, hyphens and underscores",
                "google.more: unknown key",
                "google.about: must not be empty",
                "google.connections: must be from 1 to 10000, not 0",
                "google.start: must be a whole number, not a text",
                'google.rate: must be like "600/min" (s, min, h or day), or "" for no bound',
                "mine.rate: must be a text, not a whole number",
                "mine.mx: required, for a provider is known by its mail hosts",
                "other.mx[1]: must be the end of a host's name in small letters, such as mx.example",
                "default.mx: the default rule is for the hosts of no other",
                "other.mx: google.com belongs to google",
            ],
        )

    def test_replies(self) -> None:
        """A reply has something to be known by, an action of the closed set, and what that needs and nothing else."""
        text = """
[google]
replies = [
    3,
    { action = "none" },
    { text = "(", action = "drop", seconds = 1 },
    { codes = [250], action = "slow", seconds = 0, factor = 2.0 },
    { codes = [421], action = "slow", seconds = 5 },
    { codes = [421], action = "pause", factor = 0.5 },
    { codes = [421], action = "explode", seconds = 5 },
]
"""
        self.assertEqual(
            self.faults(text),
            [
                "google.replies[0]: must be a table, not a whole number",
                "google.replies[1]: needs codes or text to be known by",
                "google.replies[2].text: is no regular expression: missing ), unterminated subpattern at position 0",
                "google.replies[2].seconds: not with action 'drop'",
                "google.replies[3].codes[0]: must be from 400 to 599, not 250",
                "google.replies[3].seconds: must be from 1 to 86400, not 0",
                "google.replies[3].factor: must be a number between 0 and 1, such as 0.5",
                "google.replies[4].factor: missing",
                "google.replies[5].seconds: missing",
                "google.replies[5].factor: not with action 'pause'",
                "google.replies[6].action: must be one of slow, pause, drop, elsewhere, none, not 'explode'",
            ],
        )
        self.assertEqual(self.faults("[google]\nreplies = 1\n"), ["google.replies: must be a list of tables"])

    def test_no_tables(self) -> None:
        """What is not TOML, or no table, is told so; a file that stands alone needs a default."""
        self.assertTrue(self.faults("[")[0].startswith("file: "))
        self.assertEqual(self.faults("google = 1\n"), ["google: must be a table, not a whole number"])
        self.assertEqual(self.assertRaises(ShapingError, load, "", "f").faults, ("f: default: missing",))
        self.assertEqual(shaping_of(load(WHOLE, "f")).default.start, 2)

    def test_files(self) -> None:
        """An installation without a file of its own has the shipped rules; a file that cannot be read is a fault."""
        folder = Path(self.mktemp())
        folder.mkdir()
        mine = folder / "shaping.toml"
        self.assertEqual(installed(mine).rules, installed(None).rules)
        mine.write_text("[google]\nconnections = 3\n")
        self.assertEqual(installed(mine).rules["google"].connections, 3)
        mine.write_bytes(b"# \xff")
        self.assertEqual(self.assertRaises(ShapingError, installed, mine).faults, (f"{mine}: file: not UTF-8",))
        error = self.assertRaises(ShapingError, installed, folder)
        self.assertEqual(error.faults, (f"{folder}: file: Is a directory",))
