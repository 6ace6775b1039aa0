"""An application that exists: the program of Devino's page, which moves over by its host name alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ..daemon import Sandbox
from .programs import SOURCES, assert_there, debian, mono_trust
from .test_matrix import text_of

PAGE = (SOURCES / "DevinoPage.cs").read_text("utf-8")
SENDER, RECIPIENT = "noreplay@devinotele.com", "test@devinotele.com"
TEXT = 'Привет! <a href="http://www.devinotele.com">Жлики меня</a>'


class Application:
    """The page's program, compiled with some of its words changed, and run where the sandbox's authority is trusted."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        assert_there({"mcs": debian("mono-mcs")})
        self._sandbox = sandbox
        self._folder = folder
        self._trust = mono_trust(sandbox.facts["ca"], folder / "trust")

    def run(self, **changed: str) -> str:
        """Compile and run it; gives what it traces, which is nothing when the mail was taken."""
        words = {
            # as it is printed no compiler takes it: the name of the class is the last part of the namespace's
            "namespace Devino.Email.SmtpClient": "namespace Devino.Email.Smtp",
            '"integrationapi.net"': '"localhost"',
            "Port = 587": f"Port = {self._sandbox.port(587, 'devino')}",
            **changed,
        }
        source = PAGE
        for printed, word in words.items():
            assert source.count(printed) == 1, printed
            source = source.replace(printed, word)
        (self._folder / "Program.cs").write_text(source, "utf-8")
        compiler = ["mcs", "-nowarn:CS0618", "-d:TRACE", "-out:Program.exe", "Program.cs"]
        subprocess.run(compiler, cwd=self._folder, check=True, capture_output=True, timeout=60)
        environment = self._trust | {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MONO_TRACE_LISTENER": "Console.Out"}
        ended = subprocess.run(
            ["mono", "Program.exe"], cwd=self._folder, env=environment, check=True, capture_output=True, timeout=60
        )
        return ended.stdout.decode()


@pytest.fixture
def application(sandbox: Sandbox, tmp_path: Path) -> Application:
    return Application(sandbox, tmp_path)


@pytest.fixture(scope="module")
def taken_over(module_sandbox: Sandbox) -> None:
    """The login that the program has, for its sender's domain."""
    module_sandbox.cli("domain", "add", "devinotele.com", "--account", "devino", "--verified")
    given = ["--account", "devino", "--dialect", "devino", "--sender", SENDER, "--username", "1website", "--active"]
    module_sandbox.cli("connection", "create", "page", *given, "--password-stdin", stdin="test")


@pytest.mark.usefixtures("taken_over")
def test_the_page_s_program(sandbox: Sandbox, application: Application) -> None:
    """With the login that it has, taken over, only its host changed, its mail arrives as it wrote it."""
    assert application.run() == ""
    subject, text = text_of(sandbox.received(RECIPIENT))
    assert subject == "Test from smtp"
    assert text.startswith(TEXT)


@pytest.mark.usefixtures("taken_over")
@pytest.mark.parametrize(
    ("printed", "word", "told"),
    [
        ('"test")', '"Test")', "Must authenticate before sending mail"),
        ('"1website"', '"2website"', "Must authenticate before sending mail"),
        (f'"{SENDER}"', '"other@devinotele.org"', "Disallowed source address: other@devinotele.org"),
    ],
)
def test_its_errors(sandbox: Sandbox, application: Application, printed: str, word: str, told: str) -> None:
    """What it traces when something is wrong are the words of the page."""
    before = len(sandbox.arrived(RECIPIENT))
    assert told in application.run(**{printed: word})
    assert len(sandbox.arrived(RECIPIENT)) == before
