"""The command line, command by command."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path

from mailrelay.cli.opening import opened
from mailrelay.mail.envelope import Recipient, Submission, ulid
from mailrelay.policy.dialect import Dialects

from .running import CommandTestCase


class Installations(CommandTestCase):
    def test_bounce_class(self) -> None:
        """A refusal as it stands in a log is told its class; without words there is nothing to tell."""
        told = self.data("bounce-class", "550 5.1.1", "User unknown")
        self.assertEqual((told["class"], told["suppresses"]), ("recipient", True))
        self.assertIn("no room", self.good("bounce-class", "452 4.2.2 full"))
        self.bad("bounce-class")

    def test_init_makes_everything_once(self) -> None:
        """A new state folder is private; running init again keeps the key and what is in the database."""
        folder = Path(self.mktemp()) / "deep"
        said = self.good("init", "--state", str(folder))
        self.assertIn("mailrelay account create", said)
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        for name in ("secret.key", "mailrelay.sqlite3"):
            self.assertEqual(stat.S_IMODE((folder / name).stat().st_mode), 0o600, name)
        key = (folder / "secret.key").read_bytes()
        self.good("account", "create", "shop", "--state", str(folder))
        self.assertIn("Already", self.good("init", "--state", str(folder)))
        self.assertEqual((folder / "secret.key").read_bytes(), key)
        self.assertIn("shop", self.good("account", "list", "--state", str(folder)))

    def test_init_leaves_other_folders_alone(self) -> None:
        """A folder that holds other things, or is a file, is refused and not touched."""
        folder = Path(self.mktemp())
        folder.mkdir(0o755)
        (folder / "notes.txt").write_text("mine")
        self.assertIn("holds other things", self.bad("init", "--state", str(folder)))
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o755)
        self.bad("init", "--state", str(folder / "notes.txt"))
        self.assertEqual(os.listdir(folder), ["notes.txt"])

    def test_a_lost_key_is_not_replaced(self) -> None:
        """A database without its key is refused: a new key could not open what is sealed."""
        os.remove(os.path.join(self.state, "secret.key"))
        self.assertIn("put it back", self.bad("init"))
        self.assertIn("not initialised", self.bad("account", "list"))

    def test_the_installation_is_named_in_four_ways(self) -> None:
        """Before or after the sub-command, by the environment, by a file; an option wins over the environment."""
        self.good("account", "create", "shop")
        config = Path(self.mktemp())
        config.write_text(_CONFIGURATION.format(state=os.path.abspath(self.state)))
        elsewhere = self.mktemp()
        for words, environment in (
            (("--state", self.state, "account", "list"), {}),
            (("account", "--state", self.state, "list"), {}),
            (("account", "list", "--state", self.state), {}),
            (("account", "list", "--state", self.state), {"MAILRELAY_STATE": elsewhere}),
            (("account", "list"), {"MAILRELAY_STATE": self.state}),
            (("account", "list", "--config", str(config)), {"MAILRELAY_STATE": elsewhere}),
        ):
            self.assertIn("shop", self.good(*words, **environment), words)
        self.bad("account", "list", "--state", self.state, "--config", str(config))

    def test_without_a_name_the_sandbox_is_meant(self) -> None:
        """var/sandbox serves when it exists, and where nothing does the line says how to name one."""
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.makedirs(work := self.mktemp())
        os.chdir(work)
        self.assertIn("MAILRELAY_STATE", self.bad("account", "list", MAILRELAY_STATE=None))
        self.good("init", "--state", "var/sandbox")
        self.assertEqual(self.good("account", "list", "--json", MAILRELAY_STATE=None), "[]\n")

    def test_a_good_installation_passes_the_audit(self) -> None:
        """The ledger's laws hold after money has moved."""
        self.furnish()
        self.good("balance", "topup", "shop", "5")
        self.good("balance", "set", "shop", "3")
        self.assertEqual(self.data("audit")["broken"], [])

    def test_check_config(self) -> None:
        """A good file is ok; a bad one is refused with every fault in a line of its own, for programs too."""
        good, bad = Path(self.mktemp()), Path(self.mktemp())
        good.write_text(_CONFIGURATION.format(state="/nowhere"))
        said = self.good("check-config", str(good))
        self.assertTrue(said.endswith(f"{good}: ok\n"), said)
        self.assertRegex(said, "(?m)^listener [^ ]+ takes connections of [a-z, ]+$")
        bad.write_text(_CONFIGURATION.format(state="/nowhere") + "[server]\nworkers = 0\nspeed = 9\n")
        result = self.run_command("check-config", str(bad))
        self.assertEqual((result.exit_code, result.stdout), (2, ""))
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 2)
        for line, key in zip(sorted(lines), ("server.speed", "server.workers"), strict=True):
            self.assertTrue(line.startswith(f"{bad}: {key}: "), line)
        self.assertEqual(self.run_command("check-config", str(bad), "--json").exit_code, 2)

    def test_version(self) -> None:
        """Both ways of asking give the same."""
        from mailrelay import __version__

        self.assertEqual(self.good("version"), f"mailrelay {__version__}\n")
        self.assertEqual(self.good("--version"), f"mailrelay {__version__}\n")


class Tenants(CommandTestCase):
    def test_weight(self) -> None:
        """An account is told its weight as an option of its own; anything else is refused in one line."""
        self.good("account", "create", "shop")
        self.assertEqual(self.data("account", "set", "shop", "weight=5")["weight"], 5)
        self.assertEqual(self.data("account", "list")[0]["weight"], 5)
        for given in ("weight", "weight=much", "weight=0", "colour=red"):
            self.bad("account", "set", "shop", given)

    def test_accounts(self) -> None:
        """Created, listed, shown; for programs with every number."""
        made = self.data("account", "create", "shop", "--balance", "7")
        self.assertEqual((made["name"], made["balance"], made["reserved"], made["available"]), ("shop", 7, 0, 7))
        self.assertEqual(self.data("account", "list"), [made])
        self.assertEqual(self.data("account", "show", made["id"]), made)

    def test_balance(self) -> None:
        """Shown, set and topped up under both spellings; by nothing or less it is not."""
        self.good("account", "create", "shop")
        self.assertEqual(self.data("balance", "topup", "shop", "5")["available"], 5)
        self.assertEqual(self.data("balance", "top-up", "shop", "2", "--note", "invoice 17")["available"], 7)
        self.assertEqual(self.data("balance", "set", "shop", "3")["available"], 3)
        self.assertEqual(self.bad("balance", "topup", "shop", "0"), "amount: must be at least 1")
        self.assertEqual(self.bad("balance", "topup", "shop", "-5"), "amount: must be at least 1")
        self.assertEqual(self.bad("balance", "set", "shop", "-5"), "balance: must be at least 0")
        self.bad("balance", "topup", "shop", "many")
        self.assertEqual(self.data("balance", "show", "shop")["available"], 3)

    def test_connections(self) -> None:
        """Created Not Activated with its login, activated, shown with and without the password, blocked."""
        self.good("account", "create", "shop")
        self.good("domain", "add", "shop.example")
        made = self.data("connection", "create", "web", "--dialect", "emailmassivo", "--sender", "news@shop.example")
        self.assertEqual(made["status"], "not_activated")
        self.assertEqual(self.data("connection", "activate", "web")["status"], "active")
        self.assertNotIn("password", self.data("connection", "show", "web"))
        revealed = self.data("connection", "show", "web", "--reveal")
        self.assertEqual((revealed["username"], revealed["password"]), (made["username"], made["password"]))
        self.assertEqual(self.data("connection", "block", "web", "--reason", "spam")["status_reason"], "spam")
        self.assertNotIn(made["password"], self.good("connection", "list") + self.good("connection", "list", "--json"))

    def test_a_login_from_standard_input(self) -> None:
        """A password is taken as it comes, but for one line end; an empty one, or none at all, is refused."""
        self.furnish()
        create = ("connection", "create", "--dialect", "standard", "--sender", "a@shop.example", "--password-stdin")
        for number, (given, kept) in enumerate(
            (("old pass\n", "old pass"), ("x", "x"), ("пароль\r\n", "пароль"), ("  spaces  ", "  spaces  "))
        ):
            made = self.data(*create, f"c{number}", "--username", f"user{number}", stdin=given)
            self.assertEqual((made["username"], made["password"]), (f"user{number}", kept))
        self.assertIn("empty", self.bad(*create, "bad", "--username", "bad", stdin=""))
        self.assertIn("empty", self.bad(*create, "bad", "--username", "bad", stdin="\n"))
        self.assertIn("UTF-8", self.bad(*create, "bad", "--username", "bad", stdin=b"\xff\xfe"))
        self.assertIn("control", self.bad(*create, "bad", "--username", "bad", stdin="two\nlines\n"))
        renewed = self.data("connection", "new-password", "c0", "--password-stdin", stdin="newer")
        self.assertEqual((renewed["username"], renewed["password"]), ("user0", "newer"))
        self.assertNotEqual(self.data("connection", "new-password", "c0")["password"], "newer")

    def test_limits_of_a_connection(self) -> None:
        """Rate, networks and sender are set from the command line."""
        self.furnish()
        rated = self.data("connection", "set-rate", "web", "5", "--period", "10", "--burst", "2")
        self.assertEqual((rated["rate"], rated["rate_period"], rated["rate_burst"]), (5, 10, 2))
        self.bad("connection", "set-rate", "web", "-1")
        steps = (
            (("set", "192.0.2.7", "10.0.0.0/8"), ["192.0.2.7/32", "10.0.0.0/8"]),
            (("add", "2001:db8::/32"), ["192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32"]),
            (("remove", "10.0.0.0/8"), ["192.0.2.7/32", "2001:db8::/32"]),
            (("clear",), []),
        )
        for (word, *networks), expected in steps:
            self.assertEqual(self.data("connection", "ip-list", word, "web", *networks)["networks"], expected)
        self.bad("connection", "ip-list", "set", "web", "10.0.0.1/8")
        self.assertEqual(self.data("connection", "set-sender", "web", "b@shop.example")["sender"], "b@shop.example")

    def test_domains_senders_and_suppressions(self) -> None:
        """Each is added, listed and taken back."""
        self.furnish()
        self.assertEqual(self.data("domain", "add", "new.example")["status"], "unverified")
        self.assertEqual(self.data("domain", "verify", "new.example")["status"], "verified")
        self.assertEqual(self.data("domain", "unverify", "new.example")["status"], "unverified")
        self.assertEqual([each["domain"] for each in self.data("domain", "list")], ["shop.example", "new.example"])
        self.good("sender", "add", "a@new.example")
        self.good("sender", "remove", "news@shop.example")
        self.assertEqual([each["address"] for each in self.data("sender", "list")], ["a@new.example"])
        added = self.data("suppression", "add", "ann@a.example", "bob@a.example", "--reason", "complaint")
        self.assertEqual({each["reason"] for each in added}, {"complaint"})
        self.good("suppression", "remove", "ann@a.example")
        self.assertEqual([each["address"] for each in self.data("suppression", "list")], ["bob@a.example"])

    def test_switches(self) -> None:
        """Pause, resume and the login guard say what they did."""
        self.assertEqual(self.data("pause", "--reason", "moving"), {"paused": True, "reason": "moving"})
        self.assertEqual(self.data("resume"), {"paused": False})
        cleared = self.data("login-guard", "clear", "--address", "192.0.2.7", "--user", "Web")
        self.assertEqual(cleared, {"cleared": "login:192.0.2.7:web"})
        self.bad("login-guard", "clear", "--user", "web")


class Mail(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.login = self.furnish()
        self.id = ulid(1_767_323_045_000_000, b"0123456789")
        self.accept("ann@a.example", "bob@b.example")

    def accept(self, *addresses: str, later: int = 0) -> None:
        """A message that the daemon has accepted, so many microseconds later than the first."""
        import click

        from mailrelay.cli import main

        with click.Context(main) as context:
            context.meta["mailrelay.state"] = self.state
            with opened() as found:
                (account,) = self.successResultOf(found.store.registry.accounts())
                recipients = tuple(
                    Recipient(ulid(1_767_323_045_000_000 + later, bytes([n] * 10)), each, each, each.rpartition("@")[2])
                    for n, each in enumerate(addresses)
                )
                submission = Submission(
                    id=ulid(1_767_323_045_000_000 + later, b"0123456789"),
                    account=account.id,
                    connection=self.login["id"],
                    dialect="emailmassivo",
                    peer="192.0.2.1",
                    sender="news@shop.example",
                    recipients=recipients,
                    source=b"Subject: \x1b[31mHello\r\n\r\n",
                    subject="\x1b[31mHello",
                    received_at=1_767_323_045_000_000,
                    expires_at=4_000_000_000_000_000,
                    verdicts=({"rule": "domain_known", "allowed": True, "facts": {}},),
                )
                self.successResultOf(found.store.ledger.accept(submission, False))

    def test_export(self) -> None:
        """The history as a file: what a stranger wrote is no formula, and every line of NDJSON is an object."""
        self.accept("=1+1@a.example", later=1_000_000)
        rows = list(csv.DictReader(io.StringIO(self.good("message", "export"))))
        self.assertEqual({row["rcpt"] for row in rows} - {"ann@a.example"}, {"'=1+1@a.example", "bob@b.example"})
        lines = self.good("message", "export", "--format", "ndjson", "--domain", "b.example").splitlines()
        self.assertEqual({json.loads(line)["rcpt"] for line in lines}, {"bob@b.example"})
        self.assertEqual(self.good("message", "export", "--format", "ndjson", "--until", "2025-01-01"), "")

    def test_resending(self) -> None:
        """A message sent again is a new one of the same source; what keeps it from being sent is told in one line."""
        made = self.data("message", "resend", self.id, "--to", "eve@c.example")
        self.assertEqual((made["of"], [each["rcpt"] for each in made["recipients"]]), (self.id, ["eve@c.example"]))
        self.assertIn("Sent again to 2 recipients as ", self.good("message", "resend", self.id))
        self.assertIn("to: ", self.bad("message", "resend", self.id, "--to", "eve"))

    def test_by_provider(self) -> None:
        """What no host was asked about counts at none, and deferrals have a column of their own."""
        self.good("queue", "drop", "--all", "--yes")
        asked = ("statistics", "--by", "provider", "--from", "2026-01-01")
        self.assertIn("deferrals", self.good(*asked))
        (part,) = self.data(*asked)["parts"]
        self.assertEqual((part["of"], part["counts"]["failed"]), ("", 2))

    def test_the_history_for_programs(self) -> None:
        """Ten keys that programs rely on come first, in this order."""
        rows = self.data("message", "list")
        self.assertEqual({row["rcpt"] for row in rows}, {"ann@a.example", "bob@b.example"})
        self.assertEqual(
            " ".join(list(rows[0])[:10]),
            "id connection rcpt state dialect_status last_reply attempts billed tag client_ref",
        )
        (row,) = self.data("message", "list", "--id", self.id, "--to", "ann@a.example", "--status", "queued")
        self.assertEqual((row["id"], row["connection"], row["state"]), (self.id, "web", "queued"))
        self.assertEqual((row["dialect_status"], row["attempts"], row["billed"]), ("accepted", 0, 1))
        shown = self.data("message", "show", self.id)
        self.assertEqual(len(shown["recipients"]), 2)
        self.assertEqual(shown["verdicts"][0]["rule"], "domain_known")

    def test_the_history_for_people(self) -> None:
        """What a stranger wrote cannot act on the terminal that shows it."""
        for words in (("message", "show", self.id), ("message", "list"), ("queue", "list")):
            text = self.good(*words)
            self.assertIn("ann@a.example", text)
            self.assertNotIn("\x1b", text)
        self.assertIn(r"\x1b[31mHello", self.good("message", "show", self.id))

    def test_nothing_is_cut_or_folded_in_a_pipe(self) -> None:
        """Whatever the width of the terminal said to be, a table that goes elsewhere has whole cells in whole lines."""
        wide = self.good("message", "list")
        narrow = self.good("message", "list", COLUMNS="20", MAILRELAY_STATE=self.state)
        self.assertEqual(wide, narrow)
        self.assertTrue(any(self.id in line and "ann@a.example" in line for line in wide.splitlines()))

    def test_the_queue(self) -> None:
        """Waiting mail is listed by recipient and by destination, held, released and dropped; what is due stays due."""
        listed = self.data("queue", "list")
        self.assertEqual(len(listed["waiting"]), 2)
        self.assertEqual({each["destination"] for each in listed["destinations"]}, {"a.example", "b.example"})
        self.assertEqual(self.data("queue", "hold", "--domain", "a.example", "--yes"), {"count": 1})
        self.assertEqual(self.data("queue", "release", "--id", self.id), {"count": 1})
        self.assertEqual(self.data("queue", "retry", "--all", "--yes"), {"count": 0})
        self.assertEqual(self.data("queue", "drop", "--yes", "--to", "bob@b.example", "--reason", "gone"), {"count": 1})
        (dropped,) = self.data("message", "list", "--to", "bob@b.example")
        self.assertEqual((dropped["state"], dropped["last_reply"], dropped["due_at"]), ("failed", "gone", ""))
        self.assertIn("say all", self.bad("queue", "drop"))
        self.bad("queue", "hold", "--id", "nothing")


class OfDialects(CommandTestCase):
    def test_shown_whole(self) -> None:
        """Every reply of a dialect can be read as it stands on the wire, by name or alias."""
        shown = self.data("dialect", "show", "rusender")
        self.assertEqual(shown["name"], "emailmassivo")
        self.assertEqual(shown["replies"]["auth_failed"], "535 5.7.8 Incorrect login or password")
        self.assertIn("535 5.7.8 Incorrect login or password", self.good("dialect", "show", "emailmassivo"))
        self.assertEqual([each["name"] for each in self.data("dialect", "list")], list(Dialects.shipped().names))
        self.assertEqual(self.bad("dialect", "show", "latin"), "dialect: there is no 'latin'")

    def test_checked(self) -> None:
        """A file that could be used is ok; of another every fault is told."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "mine.toml").write_text('inherits = "standard"\ntitle = "Mine"\n')
        self.assertIn("ok", self.good("dialect", "check", str(folder / "mine.toml")))
        (folder / "bad.toml").write_text('inherits = "standard"\ntitle = "Bad"\nsize = 0\nshape = 1\n')
        result = self.run_command("dialect", "check", str(folder / "bad.toml"))
        self.assertEqual((result.exit_code, len(result.stderr.splitlines())), (2, 2))


_CONFIGURATION = """
[state]
path = "{state}"

[[listeners]]
name = "submission"
port = 2525
tls = "none"

[[routes]]
name = "out"
hosts = ["127.0.0.1:2526"]
default = true
"""
