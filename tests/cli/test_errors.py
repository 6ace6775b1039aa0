"""Bad input of every kind: one line on standard error, status 2, never a traceback."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mailrelay.cli import opening

from ..examples import at_most
from .running import CommandTestCase

_TYPED = (
    "account balance connection domain sender suppression queue message dialect create list show add remove set topup "
    "verify retry drop ip-list shop web a@shop.example shop.example --account --dialect --all --to --id --limit --json "
    "emailmassivo 0 -1 99 10.0.0.0/8 \x1b[0m \udcff é --reason -- --balance"
)
_WORDS = st.sampled_from(_TYPED.split(" "))


class BadInput(CommandTestCase):
    def test_words_that_make_no_command(self) -> None:
        """Unknown commands and options, missing and superfluous words."""
        self.assertEqual(self.bad("accounts"), "No such command 'accounts'.")
        for words in (
            ("account", "make", "x"),
            ("account", "create"),
            ("account", "create", "a", "b"),
            ("account", "list", "--colour", "red"),
            ("account", "create", "x", "--balance", "much"),
            ("account", "create", "x", "--balance"),
            ("suppression", "add"),
            ("suppression", "add", "a@b.example", "--reason", "whim"),
            ("connection", "create", "web"),
            ("message", "list", "--status", "lost"),
            ("message", "list", "--limit", "x"),
        ):
            self.bad(*words)

    def test_names_of_nothing(self) -> None:
        """What does not exist is said not to."""
        self.furnish()
        for words in (
            ("account", "show", "nobody"),
            ("balance", "topup", "nobody", "1"),
            ("connection", "show", "none"),
            ("connection", "activate", "none"),
            ("connection", "ip-list", "clear", "none"),
            ("domain", "verify", "none.example"),
            ("domain", "add", "x.example", "--account", "nobody"),
            ("sender", "remove", "none@shop.example"),
            ("suppression", "remove", "none@shop.example"),
            ("queue", "list", "--account", "nobody"),
            ("message", "show", "01NOTHING"),
            ("dialect", "show", "latin"),
        ):
            self.assertIn("there is no", self.bad(*words))

    def test_folders_and_files_that_will_not_do(self) -> None:
        """No state, a state that others could read the key of, a configuration that is none."""
        self.assertIn("not initialised", self.bad("account", "list", "--state", self.mktemp()))
        self.bad("account", "list", "--state", "")
        os.chmod(Path(self.state) / "secret.key", 0o644)
        self.assertIn("readable by others", self.bad("account", "list"))
        missing = self.mktemp()
        result = self.run_command("account", "list", "--config", missing)
        self.assertEqual((result.exit_code, result.stderr), (2, f"{missing}: No such file or directory\n"))

    def test_a_broken_database(self) -> None:
        """D9: a file that is no database is told in one line, and is not replaced."""
        path = Path(self.state) / "mailrelay.sqlite3"
        for name in os.listdir(self.state):
            if name.startswith("mailrelay.sqlite3-"):
                os.remove(Path(self.state) / name)
        path.write_bytes(b"no database at all" * 1000)
        said = self.bad("account", "list", status=1)
        self.assertEqual(said, "the database cannot be used: file is not a database")
        self.assertTrue(path.read_bytes().startswith(b"no database at all"))

    def test_another_process_that_writes(self) -> None:
        """D7: while another process holds the writer's lock, looking works and a change is refused in one line."""
        self.patch(opening, "PATIENCE", 0.2)
        self.good("account", "create", "shop")
        with open(Path(self.state) / "writer.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("shop", self.good("account", "list"))
            self.assertIn("try again", self.bad("account", "create", "other", status=1))
        self.good("account", "create", "other")

    def test_secrets_are_not_repeated(self) -> None:
        """A line that refuses a password does not hold it."""
        self.furnish()
        words = ("connection", "new-password", "web", "--password-stdin")
        self.assertNotIn("hunter2", self.bad(*words, stdin="hunter2\nhunter2"))

    @at_most(40)
    @given(st.lists(_WORDS, max_size=7))
    def test_whatever_is_typed(self, words: list[str]) -> None:
        """Any words give help, an answer, or one line with status 2; nothing else is ever said."""
        result = self.run_command(*words)
        self.assertIn(result.exit_code, (0, 2), (words, result.stderr))
        self.assertNotIn("Traceback", result.output)
        if result.exit_code and not result.stderr.startswith("Usage:"):
            self.assertRegex(result.stderr, r"\Amailrelay: [^\n]+\n\Z")
