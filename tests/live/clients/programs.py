"""The clients as programs: how each is built, started and told whom to trust, and what to install when it is missing.

A program gets all its jobs in one run (`programs/jobs.py` says how they are written), since starting it is what costs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from OpenSSL import crypto

SOURCES = Path(__file__).parent / "programs"
NODE_MODULES = Path(sys.prefix, "node", "node_modules")
PATIENCE = 240  #: seconds for a client's whole run, on a machine that does other things too

JAVA = Path("/usr/share/java")
JAVA_PATH = [JAVA / f"jakarta-{name}.jar" for name in ("mail", "activation")]


@dataclass(frozen=True)
class Job:
    """A mail to hand in, in the order of the fields of a line; `ca` is "" for a client that trusts nobody new."""

    number: int
    host: str
    port: int
    mode: str
    ca: str
    username: str
    password: str
    sender: str
    recipient: str
    subject: str
    body: str
    padding: int = 0

    @property
    def line(self) -> str:
        return "\t".join(str(each).replace("\n", "\\n") for each in vars(self).values()) + "\n"


@dataclass(frozen=True)
class Answer:
    """What a client says of a job."""

    sent: bool
    said: str


@dataclass(frozen=True)
class Program:
    """A client's program. `{build}` in it is the folder of what was built; `needs` tells by file how to install it."""

    command: Sequence[str]
    needs: Mapping[str, str] = field(default_factory=dict)
    build: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Prepares a folder of its own for a client that learns by its environment whom to trust ("": nobody new).
    trust: Callable[[str, Path], Mapping[str, str]] | None = None


def assert_there(needs: Mapping[str, str]) -> None:
    """Each program or file is there; else say what installs it."""
    for each, package in needs.items():
        assert shutil.which(each) or Path(each).exists(), f"{each} is not here: {package}"


def debian(package: str) -> str:
    return f"install the Debian package `{package}`"


def mono_trust(ca: str, folder: Path) -> dict[str, str]:
    """A home for Mono, with the authority in its store, where files are named by the hash of their subject.

    The protocol of Mono's SmtpClient is a constant (TLS 1.0), where .NET's is the system's choice: in a copy of the
    library this one constant is made TLS 1.2. Nothing else of the client is touched.
    """
    store = folder / ".mono" / "new-certs" / "Trust"
    store.mkdir(parents=True)
    if ca:
        source = Path(ca).read_bytes()
        digest = crypto.load_certificate(crypto.FILETYPE_PEM, source).subject_name_hash()
        (store / f"{digest:08x}.0").write_bytes(source)
    library = Path("/usr/lib/mono/4.5/System.dll").read_bytes()
    # ldc.i4 SslProtocols.Default; ldc.i4.0; callvirt AuthenticateAsClient
    default, newer = b"\x20\xf0\x00\x00\x00\x16\x6f", b"\x20\x00\x0c\x00\x00\x16\x6f"
    assert library.count(default) == 1, "not Debian 12's Mono: look whether its SmtpClient still needs this"
    library = library.replace(default, newer)
    (folder / "System.dll").write_bytes(library)
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "MONO_PATH": str(folder)}


def _python(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(SOURCES / f"{name}.py"), *arguments]


def _php(name: str) -> list[str]:
    return ["php", "-d", "include_path=/usr/share/php", str(SOURCES / f"{name}.php")]


PROGRAMS = {
    "smtplib": Program(_python("smtplib_client")),
    "aiosmtplib": Program(_python("aiosmtplib_client")),
    "django": Program(_python("django_client")),
    "nodemailer": Program(
        ["node", str(SOURCES / "nodemailer_client.js")],
        {"node": debian("nodejs"), str(NODE_MODULES / "nodemailer"): "`make .venv/node.stamp` installs it"},
        environment={"NODE_PATH": str(NODE_MODULES)},
    ),
    "phpmailer": Program(
        _php("phpmailer_client"),
        {"php": debian("php-cli"), "/usr/share/php/libphp-phpmailer": debian("libphp-phpmailer")},
    ),
    "symfony": Program(
        _php("symfony_client"),
        {"php": debian("php-cli"), "/usr/share/php/Symfony/Component/Mailer": debian("php-symfony-mailer")},
    ),
    "dotnet": Program(
        ["mono", "{build}/DotNetClient.exe"],
        {"mcs": debian("mono-mcs")},
        ["mcs", "-nowarn:CS0618", "-out:{build}/DotNetClient.exe", str(SOURCES / "DotNetClient.cs")],
        trust=mono_trust,
    ),
    "swaks": Program(_python("command_line", "swaks"), {"swaks": debian("swaks")}),
    "msmtp": Program(_python("command_line", "msmtp"), {"msmtp": debian("msmtp")}),
    "curl": Program(_python("command_line", "curl"), {"curl": debian("curl")}),
    "jakarta": Program(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", ":".join(["{build}", *map(str, JAVA_PATH)]), "JakartaMailClient"],
        {"javac": debian("default-jdk-headless"), str(JAVA_PATH[0]): debian("libjakarta-mail-java")},
        ["javac", "-d", "{build}", "-cp", str(JAVA_PATH[0]), str(SOURCES / "JakartaMailClient.java")],
    ),
    "go": Program(
        ["{build}/net_smtp"],
        {"go": debian("golang-go")},
        ["go", "build", "-o", "{build}/net_smtp", str(SOURCES / "net_smtp.go")],
        # only the standard library, and nothing fetched
        {"GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOCACHE": "{build}/cache", "CGO_ENABLED": "0"},
    ),
}


class Runner:
    """Builds and runs the programs in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, client: str, jobs: Sequence[Job], *arguments: str) -> dict[int, Answer]:
        """Hand a client its jobs; gives its answers by number."""
        program = PROGRAMS[client]
        assert_there(program.needs)
        build = self._folder / client
        built = build.exists()
        build.mkdir(exist_ok=True)
        environment = dict(os.environ) | {key: _filled(value, build) for key, value in program.environment.items()}
        # whoever shall trust nobody new must find nothing that the caller trusts either
        environment.pop("SSL_CERT_FILE", None)
        if program.build and not built:
            _succeed([_filled(word, build) for word in program.build], environment, "")
        command = [*(_filled(word, build) for word in program.command), *arguments]
        if program.trust is None:
            return _answers(_succeed(command, environment, "".join(job.line for job in jobs)))
        answers = {}
        for number, ca in enumerate(sorted({job.ca for job in jobs})):
            trust = program.trust(ca, build / f"trust{number}")
            lines = "".join(job.line for job in jobs if job.ca == ca)
            answers |= _answers(_succeed(command, environment | trust, lines))
        return answers


def _filled(word: str, build: Path) -> str:
    return word.replace("{build}", str(build))


def _succeed(command: Sequence[str], environment: Mapping[str, str], given: str) -> str:
    ended = subprocess.run(
        command, input=given.encode(), capture_output=True, env=environment, timeout=PATIENCE, cwd=SOURCES.anchor
    )
    said = ended.stdout.decode(errors="replace")
    assert ended.returncode == 0, (command, said[-2000:], ended.stderr.decode(errors="replace")[-2000:])
    return said


def _answers(said: str) -> dict[int, Answer]:
    answers = {}
    for line in said.splitlines():
        number, verdict, text = line.split("\t")
        answers[int(number)] = Answer({"sent": True, "refused": False}[verdict], text)
    return answers
