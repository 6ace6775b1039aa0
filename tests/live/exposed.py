"""A daemon with the doors of a public host, on which tests let loose what such a host meets, and a line to each door.

Its next hop is the test's own. `Line` is a client that knows nothing of SMTP but where a reply ends, so that it can
misbehave as it likes.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
from pathlib import Path
from types import TracebackType

from mailrelay.smtp.tls import make_certificate

from .daemon import Daemon, Shop, free_port
from .hop import Hop

CONFIG = """
[server]
hostname = "relay.example"

[state]
path = "state"

[[listeners]]
name = "submission"
port = {submission}
tls_required = false
certificate = "certificate.pem"
key = "key.pem"
max_connections_per_address = 1000

[[listeners]]
name = "smtps"
port = {smtps}
tls = "implicit"
certificate = "certificate.pem"
key = "key.pem"
max_connections = 2000
max_connections_per_address = 2000

[[listeners]]
name = "crowded"
port = {crowded}
tls = "none"
max_connections = 40
max_connections_per_address = 25

[[routes]]
name = "smarthost"
hosts = ["127.0.0.1:{hop}"]
tls = "none"
default = true

[limits]
handshake = 2
{limits}

[login_guard]
failures_per_user = 100000
failures_per_address = 100000
"""


class Exposed(Daemon):
    """Doors by name, a shop, and the hop where its mail arrives; `limits` are lines of that section."""

    def __init__(self, folder: Path, limits: str = "") -> None:
        self.ports = {name: free_port() for name in ("submission", "smtps", "crowded")}
        self.hop = Hop(free_port())
        self.paths = make_certificate(folder)
        file = folder / "mailrelay.toml"
        file.write_text(CONFIG.format(**self.ports, hop=self.hop.port, limits=limits))
        super().__init__(folder, ["--config", str(file)], ["--config", str(file)])
        self.cli("init")
        self.customer = self.shop(balance=100_000, dialect="standard")

    def start(self) -> None:
        self.hop.start()
        super().start()

    def end(self) -> None:
        super().end()
        self.hop.stop()

    def listens(self) -> bool:
        """The ports are bound before anybody serves them."""
        try:
            with Line(self) as line:
                return line.reply().startswith(b"220 ")
        except OSError:
            return False

    @property
    def descriptors(self) -> int:
        """How many files and sockets the process has open."""
        assert self.process is not None
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def processor_time(self) -> float:
        """Seconds that the process has computed."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def memory(self, key: str = "VmRSS") -> int:
        """Megabytes of the process: in memory now ("VmRSS"), or at most so far ("VmHWM")."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) // 1024
        raise KeyError(key)

    def context(self) -> ssl.SSLContext:
        """Trust in this daemon's certificate, and in no other."""
        return ssl.create_default_context(cafile=str(self.paths.authority))

    def client(self, shop: Shop | None = None, name: str = "submission") -> smtplib.SMTP:
        """A client of the standard library, logged in."""
        shop = shop or self.customer
        client = smtplib.SMTP("127.0.0.1", self.ports[name], "localhost", timeout=20)
        client.login(shop.username, shop.password)
        return client


class Line:
    """A line to a door, from an address of loopback."""

    def __init__(self, daemon: Exposed, name: str = "submission", source: str = "127.0.0.1") -> None:
        self.daemon = daemon
        self.socket = socket.create_connection(("127.0.0.1", daemon.ports[name]), 20, (source, 0))
        self._said = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> bytes:
        """The last line of the next reply; b"" when the line is closed."""
        while True:
            line, end, rest = self._said.partition(b"\r\n")
            if end:
                self._said = rest
                if line[3:4] != b"-":
                    return line
                continue
            try:
                octets = self.socket.recv(65536)
            except ConnectionResetError:
                return b""
            if not octets:
                return b""
            self._said += octets

    def ask(self, command: bytes) -> bytes:
        """Say a line and get its reply."""
        self.send(command + b"\r\n")
        return self.reply()

    def encrypt(self) -> None:
        """Shake hands."""
        self.socket = self.daemon.context().wrap_socket(self.socket, server_hostname="localhost")

    def log_in(self, shop: Shop | None = None) -> None:
        """Greet, and log in."""
        shop = shop or self.daemon.customer
        assert self.reply().startswith(b"220 ")
        assert self.ask(b"EHLO client.example").startswith(b"250 ")
        assert self.ask(b"AUTH PLAIN " + shop.variables["plain"].encode()).startswith(b"235 ")

    def begin(self, to: str = "you@example.net") -> None:
        """Up to the 354."""
        shop = self.daemon.customer
        for command in (f"MAIL FROM:<{shop.mail_from}>", f"RCPT TO:<{to}>"):
            assert self.ask(command.encode()).startswith(b"250 ")
        assert self.ask(b"DATA").startswith(b"354 ")

    def close(self) -> None:
        self.socket.close()
