"""What to paste into common clients and languages to send by a connection: data, one file each in ``http/clients``.

A file has a ``title``, the ``group`` it is shown in, how it writes a text (``quote``), perhaps a ``note``, and the
``text``; below ``[tls]``, ``[starttls]`` and ``[plain]`` stand the words that differ. A client that does not speak a
mode leaves its table out. In a text ``@name@`` is a word of the mode or a value of the connection, ``@name:quote@``
one in another way of writing, ``@@`` the sign itself. Pure functions, but for reading the files once.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import quote

#: Groups in the order in which they are shown.
GROUPS = {"languages": "Languages", "frameworks": "Frameworks and applications", "programs": "Programs"}
#: How a connection is spoken to, the best first, with the words for it.
MODES = {"tls": "TLS", "starttls": "STARTTLS", "plain": "no TLS"}

_PLACE = re.compile(r"@@|@([a-z_]+)(?::([a-z]+))?@")


def _single(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _dotenv(text: str) -> str:
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


#: How a text is written, by the name that the files call it by.
QUOTES: Mapping[str, Callable[[str], str]] = {
    "text": lambda text: text,
    "json": lambda text: json.dumps(text, ensure_ascii=False),  # C#, Go, Java, JavaScript, Python
    "single": _single,  # PHP and Ruby
    "dotenv": _dotenv,
    "properties": lambda text: text.replace("\\", "\\\\"),
    "shell": shlex.quote,
    "url": lambda text: quote(text, safe=""),
}
_RAW = frozenset({"host", "port"})


@dataclass(frozen=True, slots=True)
class Client:
    """A program or language; `modes` has the words of each mode that it speaks."""

    name: str
    title: str
    group: str
    quote: str
    note: str
    text: str
    modes: Mapping[str, Mapping[str, str]]

    def speaks(self, wanted: str, there: Sequence[str]) -> str:
        """The mode to use: the one wanted, else the best of those that are there; "" for none."""
        fitting = [each for each in (wanted, *MODES) if each in self.modes and each in there]
        return fitting[0] if fitting else ""

    def filled(self, mode: str, host: str, port: int, user: str, password: str, sender: str) -> str:
        """The text to paste."""
        values = {"host": host, "port": str(port), "user": user, "password": password, "sender": sender,
                  "login": f"{user}:{password}", "relay_login": f"[{host}]:{port} {user}:{password}"}  # fmt: skip
        words = self.modes[mode]

        def word(found: re.Match[str]) -> str:
            return words[found[1]].strip("\n") if found[1] in words else found[0]

        def value(found: re.Match[str]) -> str:
            if not found[1]:
                return "@"
            way = found[2] or ("text" if found[1] in _RAW else self.quote)
            return QUOTES[way](values[found[1]])

        return _PLACE.sub(value, _PLACE.sub(word, self.text)).strip("\n") + "\n"


@cache
def shipped() -> tuple[Client, ...]:
    """All clients, by group and title."""
    folder = resources.files("mailrelay.http") / "clients"
    found = [
        read(each.name.removesuffix(".toml"), each.read_text("utf-8"))
        for each in folder.iterdir()
        if each.name.endswith(".toml")
    ]
    order = list(GROUPS)
    return tuple(sorted(found, key=lambda each: (order.index(each.group), each.title.casefold())))


def read(name: str, text: str) -> Client:
    """A client as its file has it."""
    given = tomllib.loads(text)
    modes = {mode: given[mode] for mode in MODES if mode in given}
    return Client(name, given["title"], given["group"], given["quote"], given.get("note", ""), given["text"], modes)
