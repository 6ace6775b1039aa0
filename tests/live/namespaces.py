"""A small Internet in network namespaces: a signed zone in NSD, unbound that validates it, and receiving Postfix hosts.

It needs root and iproute2 (`ip netns`), and Debian's packages nsd, unbound, ldnsutils and postfix; what is missing is
said. Every namespace hangs on one bridge, and this machine with a foot in it, so that the relay under test runs as it
always does. Everything lies in one folder, is started from binaries, and is gone after `end`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .daemon import eventually

NET = "10.213.77"
RELAY, DNS = f"{NET}.1", f"{NET}.53"
TOOLS = {
    "ip": "iproute2",
    "nsd": "nsd",
    "unbound": "unbound",
    "ldns-signzone": "ldnsutils",
    "ldns-keygen": "ldnsutils",
    "postfix": "postfix",
}

NSD = """
server:
    ip-address: 127.0.0.1@5353
    username: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: ""
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    xfrdir: "{folder}"
    logfile: "{folder}/nsd.log"
    server-count: 1
remote-control:
    control-enable: no
zone:
    name: test.
    zonefile: test.zone.signed
zone:
    name: open.test.
    zonefile: open.zone
"""

UNBOUND = """
server:
    interface: {dns}
    access-control: {net}.0/24 allow
    do-daemonize: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    logfile: "{folder}/unbound.log"
    use-syslog: no
    num-threads: 1
    do-ip6: no
    do-not-query-localhost: no
    local-zone: "test." nodefault
    trust-anchor-file: "{anchor}"
stub-zone:
    name: "test."
    stub-addr: 127.0.0.1@5353
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = {name}.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = {address}
inet_protocols = ipv4
virtual_mailbox_domains = static:all
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_tls_security_level = {tls}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
{more}
"""

MASTER = """
smtp     inet        n - n -   - smtpd
pickup   unix        n - n 60  1 pickup
cleanup  unix        n - n -   0 cleanup
qmgr     unix        n - n 300 1 qmgr
tlsmgr   unix        - - n -   1 tlsmgr
rewrite  unix        - - n -   - trivial-rewrite
bounce   unix        - - n -   0 bounce
defer    unix        - - n -   0 bounce
trace    unix        - - n -   0 bounce
proxymap unix        - - n -   - proxymap
anvil    unix        - - n -   1 anvil
virtual  unix        - n n -   - virtual
postlog  unix-dgram  n - n -   1 postlogd
"""

#: A policy service that puts off for two seconds whoever it has not seen (greylisting).
GREYLIST = """
import socketserver, time
seen = {}
class Session(socketserver.StreamRequestHandler):
    def handle(self):
        asked = {}
        for line in self.rfile:
            name, _, value = line.decode().strip().partition("=")
            if name:
                asked[name] = value
                continue
            known = seen.setdefault((asked.get("client_address"), asked.get("recipient")), time.monotonic())
            wait = known + 2 - time.monotonic()
            said = "defer_if_permit Greylisted, try again in 2 seconds" if wait > 0 else "dunno"
            self.wfile.write(f"action={said}\\n\\n".encode())
            asked = {}
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 10023), Session).serve_forever()
"""


def sh(*command: str, cwd: Path | None = None) -> str:
    """Run a command, and fail with what it says."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _spoilt(line: str) -> str:
    """A signature that fits nothing."""
    if "\tRRSIG\t" not in line:
        return line
    head = line.rpartition(" ")[0]
    return f"{head} {'A' * 86}=="


class Internet:
    """The namespaces; `start` the servers when every name, zone and host is told."""

    def __init__(self, folder: Path) -> None:
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        for tool, package in TOOLS.items():
            if shutil.which(tool) is None:
                raise AssertionError(f"{tool} is not here: install the Debian package `{package}`")
        self.folder = folder
        self._mark = f"mr{os.getpid() % 10_000}"
        self._spaces: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._postfixes: list[Path] = []
        try:
            self._space("hub")
        except AssertionError as error:
            raise AssertionError(
                f"no network namespace can be made here; it takes root (CAP_SYS_ADMIN): {error}"
            ) from None
        hub = self._name("hub")
        sh("ip", "-n", hub, "link", "add", "bridge", "type", "bridge")
        sh("ip", "-n", hub, "link", "set", "bridge", "up")
        sh("ip", "link", "add", self._mark, "type", "veth", "peer", "name", "foot", "netns", hub)
        sh("ip", "-n", hub, "link", "set", "foot", "master", "bridge", "up")
        sh("ip", "address", "add", f"{RELAY}/24", "dev", self._mark)
        sh("ip", "link", "set", self._mark, "up")

    def _name(self, space: str) -> str:
        return f"{self._mark}-{space}"

    def _space(self, space: str) -> None:
        sh("ip", "netns", "add", self._name(space))
        self._spaces.append(self._name(space))
        sh("ip", "-n", self._name(space), "link", "set", "lo", "up")

    def host(self, space: str, number: int) -> str:
        """A namespace with an address of the net, which is given back."""
        self._space(space)
        name, hub = self._name(space), self._name("hub")
        sh("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"to-{space}", "netns", hub)
        sh("ip", "-n", hub, "link", "set", f"to-{space}", "master", "bridge", "up")
        sh("ip", "-n", name, "address", "add", f"{NET}.{number}/24", "dev", "eth0")
        sh("ip", "-n", name, "link", "set", "eth0", "up")
        return f"{NET}.{number}"

    def cut(self, space: str) -> None:
        """Nobody reaches this host from now on: it is dead without a word."""
        sh("ip", "-n", self._name("hub"), "link", "set", f"to-{space}", "down")

    def run(self, space: str, *command: str) -> None:
        """Start a server in a namespace."""
        with (self.folder / f"{space}.out").open("ab") as log:
            started = subprocess.Popen(
                ["ip", "netns", "exec", self._name(space), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(started)

    def name_servers(self, zone: str, unsigned: str, bogus: str) -> None:
        """Sign the zone ``test.``, serve it, and have it validated at `DNS`; `unsigned` is the zone ``open.test.``
        below it, which is not signed, and the signatures of the name `bogus` are made for nothing."""
        self.host("dns", 53)
        folder = self.folder / "dns"
        folder.mkdir()
        (folder / "test.zone").write_text(zone)
        keys = [sh("ldns-keygen", *kind, "-a", "ECDSAP256SHA256", "test.", cwd=folder).strip() for kind in (["-k"], [])]
        sh("ldns-signzone", "-f", "test.zone.signed", "test.zone", *keys, cwd=folder)
        signed = folder / "test.zone.signed"
        signed.write_text(
            "\n".join(_spoilt(line) if line.startswith(bogus) else line for line in signed.read_text().split("\n"))
        )
        (folder / "open.zone").write_text(unsigned)
        (folder / "nsd.conf").write_text(NSD.format(folder=folder))
        anchor = folder / f"{keys[0]}.key"
        (folder / "unbound.conf").write_text(UNBOUND.format(folder=folder, dns=DNS, net=NET, anchor=anchor))
        self.run("dns", "nsd", "-d", "-c", str(folder / "nsd.conf"))
        self.run("dns", "unbound", "-d", "-c", str(folder / "unbound.conf"))

    def postfix(self, name: str, address: str, certificate: Path, key: Path, tls: str = "may", more: str = "") -> None:
        """Begin to start a Postfix in the namespace of that name, which takes mail for everybody into one folder."""
        user = pwd.getpwnam("postfix")
        folder = self.folder / name
        for part in ("etc", "queue", "data", "mail/box/new", "mail/box/cur", "mail/box/tmp"):
            (folder / part).mkdir(parents=True)
        for part in ("data", "mail", "mail/box", "mail/box/new", "mail/box/cur", "mail/box/tmp"):
            os.chown(folder / part, user.pw_uid, user.pw_gid)
        values: Mapping[str, object] = {
            "folder": folder,
            "name": name,
            "address": address,
            "uid": user.pw_uid,
            "gid": user.pw_gid,
            "certificate": certificate,
            "key": key,
            "tls": tls,
            "more": more,
        }
        (folder / "etc/main.cf").write_text(MAIN.format(**values))
        (folder / "etc/master.cf").write_text(MASTER)
        self.run(name, "postfix", "-c", str(folder / "etc"), "start")
        self._postfixes.append(folder)

    def greylist(self, name: str) -> str:
        """A service that greylists in the namespace of that name, and how Postfix asks it."""
        self.run(name, sys.executable, "-c", GREYLIST)
        return "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023"

    def received(self, name: str) -> list[bytes]:
        """The messages that a host has in its box."""
        return [each.read_bytes() for each in (self.folder / name / "mail/box/new").iterdir()]

    def await_port(self, address: str, port: int) -> None:
        """Wait until somebody listens there."""

        def listens() -> bool:
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex((address, port)) == 0

        eventually(listens, 15, f"{address}:{port}")

    def end(self) -> None:
        """Everything is gone, and the machine as it was."""
        for folder in self._postfixes:
            with suppress(OSError, ValueError):
                os.kill(int((folder / "queue/pid/master.pid").read_text()), signal.SIGTERM)
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(10)
        subprocess.run(["ip", "link", "del", self._mark], capture_output=True)
        deadline = time.monotonic() + 5
        for space in self._spaces:
            while subprocess.run(["ip", "netns", "del", space], capture_output=True).returncode:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.1)
