"""Which name servers are asked: those that are named, else those of the machine (resolv.conf(5))."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/etc/resolv.conf")
DEFAULT = "127.0.0.1"  #: where the machine names none


@dataclass(frozen=True, slots=True)
class Server:
    """A name server's IP address and port."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def servers(hosts: Sequence[str], port: int = 53, system: Path = SYSTEM) -> tuple[Server, ...]:
    """The servers to ask, in order; without `hosts` those that the file `system` names, if it can be read."""
    return tuple(Server(host, port) for host in hosts or _named(system) or (DEFAULT,))


def _named(system: Path) -> list[str]:
    try:
        lines = system.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = map(str.split, lines)
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
