"""Commands run in this process on a state folder of the test, as a person or a program would run them."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from typing import Any

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.cli import main
from tests.live.postgres import fast_folder


@cache
def initialised() -> str:
    """A state folder as `init` leaves it, made once for this test process: to be copied, and not to be worked on."""
    above = tempfile.mkdtemp(prefix="mailrelay-init-", dir=fast_folder())
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    folder = f"{above}/state"
    result = CliRunner().invoke(main, ["init", "--state", folder], env={"MAILRELAY_STATE": None})
    assert result.exit_code == 0, result.output
    return folder


class CommandTestCase(SynchronousTestCase):
    """Each test has its own initialised state folder, `self.state`."""

    def setUp(self) -> None:
        self.state = self.mktemp()
        shutil.copytree(initialised(), self.state)

    def run_command(self, *words: str, stdin: str | bytes | None = None, **environment: str | None) -> Result:
        """One command, on the state of the test unless it names another."""
        given = [] if {"--state", "--config"} & set(words) or environment else ["--state", self.state]
        return CliRunner().invoke(main, [*words, *given], input=stdin, env={"MAILRELAY_STATE": None, **environment})

    def good(self, *words: str, stdin: str | bytes | None = None, **environment: str | None) -> str:
        """What a command that succeeds prints; it says nothing on standard error."""
        result = self.run_command(*words, stdin=stdin, **environment)
        self.assertEqual((result.exit_code, result.stderr), (0, ""), words)
        return result.stdout

    def data(self, *words: str, stdin: str | bytes | None = None) -> Any:
        """What a command gives to programs."""
        return json.loads(self.good(*words, "--json", stdin=stdin))

    def bad(self, *words: str, stdin: str | bytes | None = None, status: int = 2, **environment: str | None) -> str:
        """The one line that a command says when it is refused; it prints nothing else and ends with the status."""
        result = self.run_command(*words, stdin=stdin, **environment)
        self.assertEqual((result.exit_code, result.stdout), (status, ""), (words, result.stderr))
        self.assertRegex(result.stderr, r"\Amailrelay: [^\n]+\n\Z")
        return result.stderr.removeprefix("mailrelay: ").rstrip("\n")

    def furnish(self) -> dict[str, Any]:
        """An account with balance, a verified domain and an active connection; the connection with its login."""
        self.good("account", "create", "shop", "--balance", "100")
        self.good("domain", "add", "shop.example", "--account", "shop", "--verified")
        made: dict[str, Any] = self.data(
            "connection", "create", "web", "--dialect", "emailmassivo", "--sender", "news@shop.example", "--active"
        )
        return made
