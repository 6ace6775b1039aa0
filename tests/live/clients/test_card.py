"""What a connection's card gives to paste, executed: nothing is changed but what a user would add around it.

The login has a password of all the signs that a language or a shell takes for its own. Postfix, Laravel, Rails and
Spring Boot are too large to be run here: `tests/http/console/test_clients.py` looks at their texts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailrelay.http.console import clients

from ..daemon import Sandbox
from .programs import JAVA_PATH, NODE_MODULES, PROGRAMS, assert_there, debian, mono_trust

PASSWORD = """p$HOME`a'b"c\\d %e#f&g;h"""

_PHP = "<?php set_include_path('/usr/share/php');\n"
_MAILER = _PHP + "require 'libphp-phpmailer/autoload.php';\n"
_JAVA = """
import java.util.Properties;
import jakarta.mail.*;
import jakarta.mail.internet.*;
public class Pasted {{ public static void main(String[] given) throws Exception {{
{pasted}
}} }}
"""
_GO = """
package main
import "net/smtp"
func main() {{
{pasted}
if err != nil {{ panic(err) }}
}}
"""
_CSHARP = "{usings}\nclass Pasted {{ static void Main() {{\n{body}\n}} }}\n"
_DJANGO = """
import django
from django.conf import settings
settings.configure(**{name: value for name, value in globals().items() if name.isupper()})
from django.core.mail import send_mail
send_mail("Your order", "Thank you!", None, ["ann@example.net"])
"""
_SYMFONY = (
    _PHP
    + """
require 'Symfony/Component/Mailer/autoload.php';
use Symfony\\Component\\Mailer\\{Mailer, Transport};
use Symfony\\Component\\Mime\\Email;
$mail = (new Email())->from($argv[1])->to('ann@example.net')->subject('Your order')->text('x');
(new Mailer(Transport::fromDsn(getenv('MAILER_DSN'))))->send($mail);
"""
)
#: WordPress as far as the text needs it: what runs its hooks.
_WORDPRESS = (
    _MAILER
    + """
function add_action($hook, $what) { $GLOBALS[$hook] = $what; }
function add_filter($hook, $what) { $GLOBALS[$hook] = $what; }
require $argv[1];
$mail = new PHPMailer\\PHPMailer\\PHPMailer(true);
$mail->setFrom($GLOBALS['wp_mail_from']());
$mail->addAddress('ann@example.net');
[$mail->Subject, $mail->Body] = ['Your order', 'Thank you!'];
$GLOBALS['phpmailer_init']($mail);
$mail->send();
"""
)


@dataclass(frozen=True)
class Desk:
    """Where somebody pastes: a folder, and who must be trusted there ("": nobody new)."""

    folder: Path
    authority: str
    sender: str
    recipient: str

    def file(self, name: str, text: str) -> str:
        """A file with a text in it, which has the recipient's address."""
        path = self.folder / name
        path.write_text(self._addressed(text), "utf-8")
        path.chmod(0o600)
        return str(path)

    def run(self, *command: str, given: str = "", **environment: str) -> None:
        """Run a program that must succeed."""
        names = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
        trusted = dict.fromkeys(names, self.authority) if self.authority else {}
        command = tuple(map(self._addressed, command))
        ended = subprocess.run(
            command, input=self._addressed(given), cwd=self.folder, env=dict(os.environ) | trusted | environment,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)

    def _addressed(self, text: str) -> str:
        return text.replace("ann@example.net", self.recipient)

    def php(self, text: str, *arguments: str, **environment: str) -> None:
        self.run("php", self.file("pasted.php", text), *arguments, **environment)

    def python_smtplib(self, pasted: str) -> None:
        self.run(sys.executable, "-", given=pasted)

    def django(self, pasted: str) -> None:
        self.run(sys.executable, "-", given=pasted + _DJANGO)

    def node_nodemailer(self, pasted: str) -> None:
        self.run("node", "-", given=pasted, NODE_PATH=str(NODE_MODULES))

    def php_phpmailer(self, pasted: str) -> None:
        self.php(_MAILER + pasted)

    def php_symfony(self, pasted: str) -> None:
        self.file("send.php", _SYMFONY)
        self.file(".env", pasted)
        self.run("bash", "-c", 'set -a; . ./.env; php send.php "$0"', self.sender)

    def wordpress(self, pasted: str) -> None:
        self.php(_WORDPRESS, self.file("plugin.php", pasted))

    def java_jakarta(self, pasted: str) -> None:
        path = ":".join(map(str, JAVA_PATH))
        trusted: tuple[str, ...] = ()
        if self.authority:
            store = ("keytool", "-importcert", "-noprompt", "-storepass", "changeit", "-keystore", "trust.jks")
            self.run(*store, "-file", self.authority)
            trusted = ("-Djavax.net.ssl.trustStore=trust.jks", "-Djavax.net.ssl.trustStorePassword=changeit")
        source = self.file("Pasted.java", _JAVA.format(pasted=pasted))
        self.run("java", "-XX:TieredStopAtLevel=1", *trusted, "-cp", path, source)

    def go_net_smtp(self, pasted: str) -> None:
        self.run("go", "run", self.file("pasted.go", _GO.format(pasted=pasted)), GO111MODULE="off", GOTOOLCHAIN="local",
                 GOCACHE=str(self.folder.parent / "go-cache"), CGO_ENABLED="0")  # fmt: skip

    def dotnet_smtpclient(self, pasted: str) -> None:
        lines = pasted.splitlines()
        usings = [line for line in lines if line.startswith("using System")]
        body = [line for line in lines if line not in usings]
        self.file("Pasted.cs", _CSHARP.format(usings="\n".join(usings), body="\n".join(body)))
        self.run("mcs", "-nowarn:CS0618", "Pasted.cs")
        self.run("mono", "Pasted.exe", **mono_trust(self.authority, self.folder / "home"))

    def ruby_net_smtp(self, pasted: str) -> None:
        self.run("ruby", "-W0", "-", given=pasted)

    def msmtp(self, pasted: str) -> None:
        trust = f"tls_trust_file {self.authority}\n" if self.authority else ""
        settings = self.file("msmtprc", f"{pasted}{trust}")
        self.run("msmtp", "-C", settings, "ann@example.net", given="Subject: Your order\n\nThank you!\n")

    def curl(self, pasted: str) -> None:
        self.run("bash", "-e", given=pasted)

    def swaks(self, pasted: str) -> None:
        trust = f" --tls-ca-path {self.authority}" if self.authority else ""
        self.run("bash", "-e", given=f"{pasted.rstrip()}{trust}\n")


@pytest.fixture(scope="module")
def shown(module_sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """A connection with that password, as its card has it."""
    given = ["--account", "standard", "--dialect", "standard", "--sender", "app@standard.example", "--active"]
    made = module_sandbox.cli("connection", "create", "pasted", *given, "--password-stdin", stdin=PASSWORD)
    yield {"user": made["username"], "password": PASSWORD, "sender": "app@standard.example"}


_NEEDS = {
    "python-smtplib": "smtplib", "django": "django", "node-nodemailer": "nodemailer", "php-phpmailer": "phpmailer",
    "wordpress": "phpmailer", "php-symfony": "symfony", "java-jakarta": "jakarta", "go-net-smtp": "go",
    "dotnet-smtpclient": "dotnet", "ruby-net-smtp": "ruby", "msmtp": "msmtp", "curl": "curl", "swaks": "swaks",
}  # fmt: skip
_RUBY = {"ruby": debian("ruby")}
_CASES = [(each, mode) for each in clients.shipped() if each.name in _NEEDS for mode in each.modes]


@pytest.mark.parametrize(("given", "mode"), _CASES, ids=[f"{each.name}-{mode}" for each, mode in _CASES])
def test_pasted(
    module_sandbox: Sandbox, tmp_path: Path, shown: dict[str, str], given: clients.Client, mode: str
) -> None:
    """The text of a card sends as it stands, by each mode that the client speaks, and verifies the certificate; that
    for no TLS begins none, for nobody is trusted there, but where its note says that it takes what is offered."""
    assert_there(_RUBY if given.name == "ruby-net-smtp" else PROGRAMS[_NEEDS[given.name]].needs)
    port = module_sandbox.ports(mode, "standard")[0]
    recipient = f"{given.name}.{mode}@example.net"
    takes_any = "takes STARTTLS wherever" in given.note
    desk = Desk(
        tmp_path, module_sandbox.facts["ca"] if mode != "plain" or takes_any else "", shown["sender"], recipient
    )
    getattr(desk, given.name.replace("-", "_"))(given.filled(mode, "localhost", port, **shown))
    module_sandbox.received(recipient)
