"""A receiving Postfix of a test's own: it takes mail, and rejects it later.

It listens on loopback with configuration, queue and log of its own, takes a domain as a relay, and hands what it took
to a host that refuses: so its notifications are real, and go where it is told the sender's domain is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .daemon import eventually, free_port, is_free

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = mx.receiver.example
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.2/32
relay_domains = receiver.example
transport_maps = inline:{{ receiver.example=smtp:[127.0.0.1]:{inner}, {bounces}=smtp:[127.0.0.1]:{returns} }}
smtpd_relay_restrictions = permit_auth_destination, reject
smtpd_peername_lookup = no
smtp_host_lookup = native
disable_dns_lookups = yes
smtp_tls_security_level = none
smtpd_tls_security_level = none
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Receiver:
    """Takes mail for receiver.example at `port`, hands it to the port `inner`, and notifies senders of the domain
    `bounces` at the port `returns`."""

    def __init__(self, inner: int, bounces: str, returns: int) -> None:
        self._postfix = shutil.which("postfix", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if self._postfix is None:
            raise AssertionError("Postfix is not here: install the Debian package `postfix`")
        if os.geteuid() != 0:
            raise AssertionError("Postfix starts for root only")
        self.port = free_port()
        # its processes run as a user of their own, and a test's folder is closed to others
        self._folder = folder = Path(tempfile.mkdtemp(prefix="receiving-postfix-"))
        folder.chmod(0o755)
        conf = folder / "conf"
        for each in (conf, folder / "queue", folder / "data"):
            each.mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix", "postfix")
        (conf / "main.cf").write_text(MAIN.format(folder=folder, inner=inner, bounces=bounces, returns=returns))
        (conf / "master.cf").write_text(MASTER.format(port=self.port))

    def start(self) -> None:
        self._command("start")
        eventually(lambda: not is_free(self.port), 30, "a Postfix")

    def stop(self) -> None:
        try:
            self._command("stop")
        finally:
            shutil.rmtree(self._folder)

    def said(self) -> str:
        log = self._folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _command(self, verb: str) -> None:
        done = subprocess.run(
            [str(self._postfix), "-c", str(self._folder / "conf"), verb], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, (verb, done.stdout, done.stderr, self.said())
