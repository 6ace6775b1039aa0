"""The units: sound and hardened by systemd's own judgement; and a daemon that is started, told of and stopped by them.

`systemd-analyze` and `systemd-socket-activate` come from Debian's package `systemd`; no running systemd is needed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrelay.run import worker

from .daemon import PROGRAMS, START, STOP, eventually, free_port, is_free, letter
from .managed import SERVICE, SOCKET, UNITS, Managed, section

UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def tool(name: str) -> str:
    """A program of systemd's."""
    found = shutil.which(name)
    assert found, "systemd's tools are not here: install the Debian package `systemd`"
    return found


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, their program where it is on this machine."""
    copies = []
    for unit in (SERVICE, SOCKET):
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(unit.read_text().replace("/opt/mailrelay/bin/", f"{PROGRAMS}/"))
    return copies


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Managed]:
    """An installation that has not been started."""
    managed = Managed(tmp_path)
    try:
        yield managed
        managed.assert_sound()
    finally:
        managed.end()


def test_verify(units: list[Path]) -> None:
    """systemd finds nothing to say about the units."""
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", *map(str, units)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_security(units: list[Path]) -> None:
    """systemd judges the service's exposure to be 2.0 at most."""
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=yes", "--no-pager", "--threshold=20", str(units[0])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for mailrelay\.service: ([\d.]+)", done.stdout)
    assert found and done.returncode == 0, done.stdout + done.stderr
    assert float(found[1]) <= 2.0


def calls_of(group: str) -> set[str]:
    """The system calls in one of systemd's groups, and in those that it holds."""
    listed = subprocess.run(
        [tool("systemd-analyze"), "syscall-filter", "--no-pager", group], capture_output=True, text=True, timeout=60
    ).stdout
    names = [line.strip() for line in listed.splitlines()[1:] if line.strip() and line.strip()[0] != "#"]
    return {each for name in names for each in (calls_of(name) if name[0] == "@" else {name})}


def test_system_calls(managed: Managed) -> None:
    """Whatever the daemon asks of the kernel, from its start over a mail and a reload to its end, the unit allows."""
    filters = re.findall(r"^SystemCallFilter=(.*)", SERVICE.read_text(), re.MULTILINE)
    assert filters == ["@system-service", "~@privileged"]
    allowed = calls_of("@system-service") - calls_of("@privileged") | calls_of("@default")
    trace = managed.folder / "trace"
    # traced from inside, so that the daemon itself is the process that was started
    managed.launch(before=["strace", "-D", "-f", "-qq", "-o", str(trace)], watchdog=1.0)
    managed.until("READY", 30)
    shop = managed.shop(dialect="standard")
    with managed.smtp(shop) as client:
        assert client.sendmail(shop.mail_from, ["to@b.example"], letter(shop)) == {}
    managed.reload()
    managed.until("RELOADING")
    managed.stop()
    eventually(lambda: "exit_group(0)" in trace.read_text(errors="replace"), 5, "the end of the trace")
    made = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", trace.read_text(errors="replace"), re.MULTILINE))
    assert {"fsync", "sendto", "accept4"} <= made
    # SQLite gives its files to the database's owner when it is root, which the service never is
    assert made - allowed - {"fchown"} == set()


def test_user() -> None:
    """The user that the service runs as is one that the shipped file makes."""
    service = section(SERVICE, "Service")
    done = subprocess.run(
        [tool("systemd-sysusers"), "--dry-run", str(UNITS / "sysusers.conf")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    declared = re.findall(r"^u (\S+) ", (UNITS / "sysusers.conf").read_text(), re.MULTILINE)
    assert declared == [service["User"]] == [service["Group"]]
    assert (service["StateDirectory"], service["StateDirectoryMode"]) == ("mailrelay", "0700")


def test_times() -> None:
    """systemd waits longer for the end than the daemon takes, and longer for a sign of life than a store may take to
    answer, twice."""
    service = section(SERVICE, "Service")
    assert (service["Type"], service["NotifyAccess"], service["KillMode"]) == ("notify", "main", "mixed")
    drain = worker.GRACE + worker.CUT + worker.LAST_COMMIT + 2 * worker.CLOSE
    assert int(service["TimeoutStopSec"]) > max(drain, STOP)
    assert int(service["WatchdogSec"]) / 2 > 20


def test_told(managed: Managed) -> None:
    """READY comes when every listener takes connections, RELOADING and READY around a reload, STOPPING at TERM; the end
    is status 0."""
    managed.launch()
    ready = managed.until("READY")
    assert managed.listens()
    assert ready["STATUS"] == f"listening: submission on 127.0.0.1:{managed.port}"
    for _ in range(2):
        managed.reload()
        reloading = managed.until("RELOADING")
        assert int(reloading["MONOTONIC_USEC"]) > 0
        eventually(lambda: managed.hears()[-1] == "READY", 2, "READY")
    assert managed.names == ["READY", *["RELOADING", "READY"] * 2]
    shop = managed.shop(dialect="standard")
    with managed.smtp(shop) as client:
        assert client.noop()[0] == 250
    managed.stop()
    managed.listen(0.1)
    assert managed.names[5:] == ["STOPPING"]


def test_watchdog(managed: Managed) -> None:
    """Signs of life come at twice the pace that is asked for; none while the process hangs, or the store does, and
    again after that."""
    managed.launch(watchdog=1.0)
    managed.until("READY")
    managed.listen(2.2)
    assert 4 <= managed.names.count("WATCHDOG") <= 6
    assert managed.process is not None
    managed.process.send_signal(signal.SIGSTOP)
    managed.silent(1.2)
    managed.process.send_signal(signal.SIGCONT)
    managed.until("WATCHDOG", 2)
    with (managed.folder / "state" / "writer.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        managed.silent(1.2)
    managed.until("WATCHDOG", 2)
    managed.stop()


def test_socket_activation(managed: Managed) -> None:
    """A socket that systemd made and named after a listener is served: whoever connects while the daemon starts waits
    and is greeted, and the configured port is left alone."""
    port = free_port()
    name = section(SOCKET, "Socket")["FileDescriptorName"]
    activate = [tool("systemd-socket-activate"), "-l", f"127.0.0.1:{port}", f"--fdname={name}", "-E", "NOTIFY_SOCKET"]
    managed.launch(before=activate)
    eventually(lambda: b"Listening on" in managed.log.read_bytes(), 5, "a socket")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        assert client.recv(4) == b"220 "
    ready = managed.until("READY")
    assert ready["STATUS"] == f"listening: submission on 127.0.0.1:{port}"
    assert not managed.listens()
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        assert client.ehlo()[0] == 250
    managed.stop()


def test_socket_astray(managed: Managed) -> None:
    """A socket that no listener is named after is one line, and status 1."""
    port = free_port()
    activate = [tool("systemd-socket-activate"), "-l", f"127.0.0.1:{port}", "--fdname=smtps"]
    managed.launch(before=activate)
    eventually(lambda: b"Listening on" in managed.log.read_bytes(), 5, "a socket")
    with socket.create_connection(("127.0.0.1", port), timeout=20):
        assert managed.process is not None
        assert managed.process.wait(10) == 1
    assert "mailrelay: the service manager passed a socket named smtps (FileDescriptorName=)" in managed.said()


def test_privileged_port(tmp_path: Path) -> None:
    """A port below 1024 takes the one capability that the unit grants; without it is one line, and status 1."""
    service = section(SERVICE, "Service")
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert int(UNPRIVILEGED.read_text()) > 600, f"{UNPRIVILEGED} leaves no privileged port to try"
    managed = Managed(tmp_path, port=next(port for port in range(600, 1000) if is_free(port) or os.geteuid()))
    try:
        managed.launch(before=with_capabilities("-all"))
        assert managed.process is not None and managed.process.wait(START) == 1
        refused = f"mailrelay: cannot listen on 127.0.0.1:{managed.port}: Permission denied"
        assert refused in managed.said().splitlines()
        if os.geteuid() == 0:  # nobody else can grant it
            managed.launch(before=with_capabilities("-all,+net_bind_service"))
            managed.until("READY")
            managed.stop()
    finally:
        managed.end()


def with_capabilities(kept: str) -> list[str]:
    """What starts a program with these capabilities at most."""
    if os.geteuid():
        return []
    return ["setpriv", f"--bounding-set={kept}", f"--inh-caps={kept}", "--ambient-caps=-all"]
