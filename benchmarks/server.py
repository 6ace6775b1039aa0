"""The servers that are measured: what starts them, where they listen, which process is their root.

Each is a context that listens on a loopback port while it is open, relays everything to one sink, and leaves nothing
behind. Each gets a fresh queue on the same file system, in `folder`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Protocol

from pysqlite3 import dbapi2 as sqlite3

from mailrelay.mail.dkim import RSA
from mailrelay.manage.signing import new_private_key

from .load import SENDER, free_port, listens, program
from .processes import wait_until


class Server(Protocol):
    """A server under measurement; `pids` are the roots of its processes once it runs."""

    name: str
    port: int
    pids: list[int]

    def __enter__(self) -> Server: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Relay:
    """This relay: one worker, SQLite, login by address, all checks, balance, history and the log at work."""

    name = "mailrelay"
    sign = False

    def __init__(self, sink_port: int, folder: Path) -> None:
        self.port = free_port()
        self.pids: list[int] = []
        self._folder = Path(tempfile.mkdtemp(prefix="bench-relay-", dir=folder))
        self._config = self._folder / "mailrelay.toml"
        self._config.write_text(f"""
[server]
hostname = "relay.bench.example"

[[listeners]]
name = "bench"
port = {self.port}
tls = "none"
login = "address"
trusted = ["127.0.0.0/8"]
connection = "bench"

[state]
path = "state"

[[routes]]
name = "sink"
hosts = ["127.0.0.1:{sink_port}"]
tls = "none"
default = true

[delivery]
sign = {str(self.sign).lower()}
""")

    def _command(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("mailrelay")), *arguments, "--config", str(self._config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr or done.stdout}")

    def _furnish(self) -> None:
        """An account with a connection, and what it sends with."""
        sender_domain = SENDER.partition("@")[2]
        self._command("init")
        self._command("account", "create", "bench", "--balance", "100000000")
        self._command("domain", "add", sender_domain, "--account", "bench", "--verified")
        self._command("connection", "create", "bench", "--dialect", "standard", "--sender", SENDER, "--active")

    def __enter__(self) -> Relay:
        self._furnish()
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("twistd")),
                    "-n", "--pidfile=", "mailrelay", "--config", str(self._config),
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        self.pids = [self._process.pid]
        try:
            wait_until(lambda: self._process.poll() is not None or listens(self.port), "starting the relay", 120)
            if self._process.poll() is not None:
                raise SystemExit((self._folder / "log").read_text())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder)


class SigningRelay(Relay):
    """The same, signing by RSA-2048 and by Ed25519."""

    name = "mailrelay, 2 keys"
    sign = True


class RsaRelay(SigningRelay):
    """The same, signing by RSA-2048 alone: as much as its peers do."""

    name = "mailrelay, RSA alone"

    def _furnish(self) -> None:
        super()._furnish()
        with sqlite3.connect(self._folder / "state" / "mailrelay.sqlite3") as state:
            state.execute("UPDATE domain_keys SET active = 0 WHERE algorithm <> ?", (RSA,))
        state.close()


class Postfix:
    """Postfix with configuration, queue and log of its own: loopback, no chroot, process limit 100, no TLS, no DNS."""

    def __init__(self, sink_port: int, folder: Path) -> None:
        if os.geteuid() != 0:
            raise SystemExit("Postfix can be measured by root only")
        version = subprocess.run(
            [program("postconf"), "-h", "mail_version"], capture_output=True, text=True, check=False
        )
        self.name = f"Postfix {version.stdout.strip()}"
        self.port = free_port()
        self.pids: list[int] = []
        self._folder = Path(tempfile.mkdtemp(prefix="bench-postfix-", dir=folder))
        self._folder.chmod(0o755)
        conf, queue, data = (self._folder / name for name in ("conf", "queue", "data"))
        for each in (conf, queue, data):
            each.mkdir(mode=0o755)
        shutil.chown(data, "postfix", "postfix")
        (conf / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
myhostname = relay.bench.example
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink_port}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtp_host_lookup = native
{self._more()}
disable_dns_lookups = yes
smtp_tls_security_level = none
smtpd_tls_security_level = none
default_process_limit = 100
maillog_file = {self._folder}/log
maillog_file_prefixes = {self._folder}
""")
        services = (
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "smtp unix - - n - - smtp",
            "relay unix - - n - - smtp",
            "showq unix n - n - - showq",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "tlsmgr unix - - n 1000? 1 tlsmgr",
            "postlog unix-dgram n - n - 1 postlogd",
        )
        (conf / "master.cf").write_text("\n".join(services) + "\n")
        self._conf, self._queue = conf, queue

    def _more(self) -> str:
        """Further lines of main.cf."""
        return ""

    def _command(self, verb: str) -> None:
        done = subprocess.run(
            [program("postfix"), "-c", str(self._conf), verb], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"postfix {verb}: {done.stderr or done.stdout}")

    def __enter__(self) -> Postfix:
        self._command("start")
        try:
            wait_until(lambda: listens(self.port), "starting Postfix", 30)
            self.pids = [int((self._queue / "pid" / "master.pid").read_text())]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        self._command("stop")
        if self.pids:
            master = self.pids[0]
            try:
                wait_until(lambda: not Path(f"/proc/{master}").exists(), "stopping Postfix", 15)
            except TimeoutError:
                os.kill(master, signal.SIGKILL)
        shutil.rmtree(self._folder)


class PostfixWithOpenDkim(Postfix):
    """The same with OpenDKIM as its milter, signing by RSA-2048, relaxed/relaxed; both count."""

    def __init__(self, sink_port: int, folder: Path) -> None:
        self._milter_port = free_port()
        super().__init__(sink_port, folder)
        self.name += " + OpenDKIM"
        key, self._settings = self._folder / "dkim.pem", self._folder / "opendkim.conf"
        key.write_text(new_private_key(RSA))
        key.chmod(0o600)
        self._settings.write_text(f"""
Mode s
Canonicalization relaxed/relaxed
Domain {SENDER.partition("@")[2]}
Selector bench
KeyFile {key}
RequireSafeKeys no
Socket inet:{self._milter_port}@127.0.0.1
""")

    def _more(self) -> str:
        return f"smtpd_milters = inet:127.0.0.1:{self._milter_port}"

    def __enter__(self) -> PostfixWithOpenDkim:
        self._milter = subprocess.Popen([program("opendkim"), "-f", "-x", str(self._settings)])
        try:
            wait_until(lambda: listens(self._milter_port), "starting OpenDKIM", 30)
        except BaseException:
            self._milter.terminate()
            raise
        super().__enter__()
        self.pids.append(self._milter.pid)
        return self

    def _end(self) -> None:
        super()._end()
        self._milter.terminate()
        self._milter.wait(15)
