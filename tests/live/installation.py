"""An installation as an administrator makes it: a configuration file, ``mailrelay init``, and the daemon."""

from __future__ import annotations

import smtplib
from pathlib import Path

from .daemon import Daemon, Shop, free_port, is_free

CONFIG = """
[server]
hostname = "relay.example"

[state]
path = "{state}"

[[listeners]]
name = "submission"
port = {port}
tls = "none"

[[routes]]
name = "smarthost"
hosts = ["127.0.0.1:1"]
default = true
"""


class Installation(Daemon):
    """One listener named ``submission``, and a smart host that is down; `more` goes to the end of the file."""

    forked = True

    def __init__(self, folder: Path, more: str = "", port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.config = folder / "mailrelay.toml"
        self.config.write_text(CONFIG.format(state=folder / "state", port=self.port) + more)
        super().__init__(folder, ["--config", str(self.config)], ["--config", str(self.config)])
        self.cli("init")

    def listens(self) -> bool:
        return not is_free(self.port)

    def smtp(self, shop: Shop) -> smtplib.SMTP:
        """A client of a shop, logged in."""
        client = smtplib.SMTP("127.0.0.1", self.port, "localhost", timeout=20)
        client.login(shop.username, shop.password)
        return client
