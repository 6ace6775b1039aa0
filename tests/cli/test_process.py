"""The command as a process of its own: status, streams and the time it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

_MAIN = "from mailrelay.cli import main; main()"


def run(words: Sequence[str], stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """One command in a fresh interpreter."""
    import mailrelay

    package = os.path.dirname(os.path.dirname(os.path.abspath(mailrelay.__file__)))
    return subprocess.run(
        [sys.executable, "-c", _MAIN, *words],
        input=stdin.decode("utf-8", "surrogateescape"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": package, **environment},
    )


class Process(SynchronousTestCase):
    def test_a_first_session(self) -> None:
        """From nothing to an active connection and back to its password, as a person would type it."""
        state = self.mktemp()
        for words in (
            ("init",),
            ("account", "create", "shop", "--balance", "10"),
            ("domain", "add", "shop.example", "--verified"),
            (
                "connection",
                "create",
                "web",
                "--dialect",
                "emailmassivo",
                "--sender",
                "a@shop.example",
                "--password-stdin",
            ),
            ("connection", "activate", "web"),
        ):
            ended = run(words, b"geheim\n", MAILRELAY_STATE=state, LC_ALL="C", TERM="dumb", COLUMNS="1")
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        shown = run(("connection", "show", "web", "--reveal", "--json"), MAILRELAY_STATE=state, LC_ALL="C")
        revealed = json.loads(shown.stdout)
        self.assertEqual((revealed["username"], revealed["password"]), ("web@shop.example", "geheim"))
        self.assertEqual(revealed["status"], "active")

    def test_bad_input(self) -> None:
        """One line on standard error, nothing on standard output, status 2."""
        for words in (("accounts",), ("account", "list", "--state", self.mktemp()), ("account", "show", "\udcff")):
            ended = run(words)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""), words)
            self.assertRegex(ended.stderr, r"\Amailrelay: [^\n]+\n\Z")

    def test_a_terminal_that_lacks_letters(self) -> None:
        """What cannot be shown is shown by number, in tables and cards alike."""
        state = self.mktemp()
        run(("init", "--state", state))
        for words in (("account", "create", "Café"), ("account", "list")):
            ended = run((*words, "--state", state), PYTHONIOENCODING="ascii")
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            self.assertIn(r"Caf\xe9", ended.stdout)

    def test_a_reader_that_has_seen_enough(self) -> None:
        """A pipe closed early ends the command without a word."""
        command = f"{sys.executable} -c '{_MAIN}' dialect show standard --json | head -c 1"
        ended = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            capture_output=True,
            text=True,
            timeout=60,
            env=_environment(),
        )
        self.assertEqual((ended.stdout, ended.stderr), ("{", ""))

    def test_help_is_light(self) -> None:
        """Asking what the command can do loads neither the database, nor the configuration's library, nor tables."""
        script = (
            "import sys\nfrom mailrelay.cli import main\n"
            "try: main(['--help'])\nexcept SystemExit: pass\n"
            "heavy = {'sqlalchemy', 'pydantic', 'rich', 'twisted', 'alembic'}\n"
            "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=_environment()
        )
        self.assertEqual(ended.stderr, "[]\n")
        for word in ("init", "connection", "send-test"):
            self.assertIn(f"  {word} ", ended.stdout)


def _environment() -> dict[str, str]:
    import mailrelay

    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(mailrelay.__file__))),
    }
