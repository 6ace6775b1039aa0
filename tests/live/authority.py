"""A real authoritative name server for tests: NSD on a loopback port, with every shape that a domain can have.

It is started from its binary in a folder of its own, with a configuration of its own, in the foreground; without
Debian's package `nsd` the test fails and says so. It serves ``test.`` and ``far.``, cannot load ``broken.``, and
refuses all else.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

from .daemon import eventually, free_port

ZONE = """
$ORIGIN test.
$TTL 300
@ IN SOA ns root 1 3600 600 86400 60
  IN NS ns
ns A 127.0.0.1

{hosts}
two       MX 10 one.hosts
          MX 20 two.hosts
swapped   MX 20 one.hosts
          MX 10 two.hosts
blackhole MX 10 hole.hosts
          MX 20 two.hosts
dead      MX 10 dead.hosts
hole      MX 10 hole.hosts
six       MX 10 six.hosts
both      MX 10 both.hosts
a-only    A 127.0.0.11
alias     CNAME two
faraway   CNAME shop.far.
loop      CNAME pool
pool      CNAME loop
astray    CNAME nowhere
mx-alias  MX 10 alias.hosts
null      MX 0 .
bare      TXT "neither MX nor address"
empty     MX 10 void.hosts
          MX 20 two.hosts
void      MX 10 void.hosts
gone      MX 10 gone.hosts
literal   MX 10 127.0.0.11.
self      MX 10 relay.hosts
second    MX 10 one.hosts
          MX 20 relay.hosts
          MX 30 two.hosts
lost      MX 10 mx.broken.
brief     0 MX 10 one.hosts
below     NS ns.elsewhere.example.
many      MX 1 one.hosts
{many}
"""

HOSTS = """
one.hosts   A 127.0.0.11
two.hosts   A 127.0.0.12
hole.hosts  A 127.0.0.13
dead.hosts  A 127.0.0.14
relay.hosts A 127.0.0.15
six.hosts   AAAA ::1
both.hosts  A 127.0.0.14
            AAAA ::1
alias.hosts CNAME one.hosts
void.hosts  TXT "no address"
"""

FAR = """
$ORIGIN far.
$TTL 300
@ IN SOA ns root 1 3600 600 86400 60
  IN NS ns
ns A 127.0.0.1
shop MX 10 two.hosts.test.
"""

CONFIG = """
server:
    ip-address: 127.0.0.1@{port}
    ip-address: ::1@{port}
    username: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: ""
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    xfrdir: "{folder}"
    logfile: "{folder}/log"
    rrl-ratelimit: 0
    server-count: 1
remote-control:
    control-enable: no
zone:
    name: test.
    zonefile: test.zone
zone:
    name: far.
    zonefile: far.zone
zone:
    name: broken.
    zonefile: missing.zone
"""


class Authority:
    """The server; `port` is the same at 127.0.0.1 and ::1, by UDP and TCP."""

    def __init__(self, folder: Path) -> None:
        self._binary = shutil.which("nsd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if self._binary is None:
            raise AssertionError("NSD is not here: install the Debian package `nsd`")
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        # more than fits a datagram
        many = "\n".join(f"          MX {n + 10} gone{n}.a-rather-long-name-for-a-mail-host.hosts" for n in range(199))
        (folder / "test.zone").write_text(ZONE.format(hosts=HOSTS, many=many))
        (folder / "far.zone").write_text(FAR)
        (folder / "nsd.conf").write_text(CONFIG.format(folder=folder, port=self.port))

    def start(self) -> None:
        command = [str(self._binary), "-d", "-c", str(self._folder / "nsd.conf")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._answers, 10, "a name server")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"NSD ended: {(self._folder / 'log').read_text(errors='replace')}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
