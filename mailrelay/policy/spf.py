"""What receivers make of an SPF record (RFC 7208), for one host that is to send: `check_host` as a pure function.

Everything that DNS said stands in `seen`; a question that is not there yet ends the judgement with its name in `asks`,
and whoever has asked it judges again. So the order in which receivers ask, and their bounds on asking, are kept:
ten terms that lead to look-ups, two that lead to nothing, ten names of one MX (4.6.4). Of macros those are expanded
that are the same for every message (d, o, i, v, h); a record that stands on another cannot be judged before there is
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ..mail.answer import Answer, Kind, MailExchange

#: Terms that lead to look-ups, look-ups without an answer, and names of one MX beyond which receivers give up.
MAX_LOOKUPS, MAX_VOIDS, MAX_EXCHANGES = 10, 2, 10

Seen = Mapping[tuple[str, Kind], Answer]
Address = IPv4Address | IPv6Address

_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(r"([+?~-]?)([a-z0-9]+)(?::([^/ ]+))?((?:/[0-9]+)?(?://[0-9]+)?)", re.IGNORECASE | re.ASCII)
_NETWORK = re.compile(r"([+?~-]?)(ip4|ip6):([0-9a-f.:]+(?:/[0-9]+)?)", re.IGNORECASE | re.ASCII)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE | re.ASCII)
_MACRO = re.compile(r"%(?:([%_-])|\{([a-z])([0-9]*)(r?)([.+,/_=-]*)\}|(.?))", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`result` is one of RFC 7208's ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"), or
    "unjudged" where it depends on the message, or "asks" while `asks` must be asked first. `words` say why, `lookups`
    how many terms led to look-ups."""

    result: str
    words: str = ""
    lookups: int = 0
    asks: tuple[str, Kind] | None = None


class _End(Exception):
    """The judgement ends here, however deep."""

    def __init__(self, result: str, words: str, asks: tuple[str, Kind] | None = None) -> None:
        super().__init__(words)
        self.verdict = Verdict(result, words, asks=asks)


def is_spf(text: str) -> bool:
    """Is a TXT record one of SPF (4.5)?"""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def judge(domain: str, host: str, address: str, seen: Seen) -> Verdict:
    """What the record of a domain says of mail that comes from a host's address; with the address "" the host is known
    by its name alone."""
    judging = _Judging(host, ip_address(address) if address else None, seen)
    try:
        result = judging.check(domain)
        verdict = Verdict(result, judging.words)
    except _End as end:
        verdict = end.verdict
    return replace(verdict, lookups=judging.lookups)


class _Judging:
    """One judgement under way: what was asked so far counts over all records."""

    def __init__(self, host: str, address: Address | None, seen: Seen) -> None:
        self.host = host
        self.address = address
        self.seen = seen
        self.lookups = 0
        self.voids = 0
        self.words = ""

    def check(self, domain: str) -> str:
        """The result of one record, and of those that it leads to."""
        found = [text for text in self._ask(domain, "TXT").records if isinstance(text, str) and is_spf(text)]
        if not found:
            return "none"
        if len(found) > 1:
            raise _End("permerror", f"{domain} has several SPF records; receivers then heed none")
        terms = [self._read(domain, term) for term in found[0].split()[1:]]
        modifiers = [name for name, _, _, _ in terms if name.endswith("=")]
        for name in ("redirect=", "exp="):
            if modifiers.count(name) > 1:
                raise _End("permerror", f"the record of {domain} has {name} more than once")
        for name, qualifier, value, sizes in terms:
            if not name.endswith("=") and self._matches(domain, name, value, sizes):
                self.words = f"{name}{':' if value else ''}{value}{sizes} of {domain}"
                return _RESULTS[qualifier]
        return self._redirected(domain, terms)

    def _redirected(self, domain: str, terms: list[tuple[str, str, str, str]]) -> str:
        """No mechanism matched: what `redirect=` leads to, where there is no `all` (6.1)."""
        for name, _, value, _ in terms:
            if name == "redirect=":
                self._count(domain)
                target = self._expand(domain, value)
                result = self.check(target)
                if result == "none":
                    raise _End("permerror", f"redirect={target} of {domain} leads to no SPF record")
                return result
        self.words = f"no term of {domain}"
        return "neutral"

    def _read(self, domain: str, term: str) -> tuple[str, str, str, str]:
        """(name, qualifier, value, prefix lengths) of a term; a modifier's name ends in "=". What cannot be read is a
        permanent error, wherever it stands (4.6)."""
        if (modifier := _MODIFIER.fullmatch(term)) is not None:
            return f"{modifier[1].lower()}=", "", modifier[2], ""
        network = _NETWORK.fullmatch(term)
        if network is not None:
            try:
                found = ip_network(network[3], strict=False)
            except ValueError:
                found = None
            if found is not None and f"ip{found.version}" == network[2].lower():
                return network[2].lower(), network[1] or "+", network[3], ""
        plain = _TERM.fullmatch(term)
        if plain is not None and network is None:
            name, value, sizes = plain[2].lower(), plain[3] or "", plain[4]
            needs, may, sized = _SHAPES.get(name, (True, False, False))
            if bool(value) >= needs and bool(value) <= may and (sized or not sizes) and _sane(sizes):
                return name, plain[1] or "+", value, sizes
        raise _End("permerror", f"{term!r} in the record of {domain} cannot be read")

    def _matches(self, domain: str, name: str, value: str, sizes: str) -> bool:
        if name == "all":
            return True
        if name in ("ip4", "ip6"):
            return self.address is not None and _within(self.address, value)
        self._count(domain)
        target = self._expand(domain, value) if value else domain
        if name == "include":
            return self._included(domain, target)
        if name == "exists":
            return bool(self._ask(target, "A").records)
        if name == "ptr":
            return False  # "SHOULD NOT be published" (5.5), and nobody has to heed it
        if name == "a":
            return self._is_at(target, sizes)
        exchanges = [each.exchange for each in self._ask(target, "MX").records if isinstance(each, MailExchange)]
        if len(exchanges) > MAX_EXCHANGES:
            raise _End("permerror", f"{target} has more than {MAX_EXCHANGES} mail hosts")
        return any(self._is_at(each, sizes) for each in exchanges if each)

    def _included(self, domain: str, target: str) -> bool:
        """Does an included record pass (5.2)?"""
        result = self.check(target)
        if result == "none":
            raise _End("permerror", f"include:{target} of {domain} leads to no SPF record")
        return result == "pass"

    def _is_at(self, name: str, sizes: str) -> bool:
        if name == self.host:
            return True  # whatever addresses it has, they are its own
        if self.address is None:
            return False
        length = _lengths(sizes)[self.address.version]
        answer = self._ask(name, "A" if self.address.version == 4 else "AAAA")
        return any(_within(self.address, f"{each}/{length}") for each in answer.records if isinstance(each, str))

    def _count(self, domain: str) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _End("permerror", f"the record leads to more than {MAX_LOOKUPS} look-ups, the last by {domain}")

    def _ask(self, name: str, kind: Kind) -> Answer:
        answer = self.seen.get((name, kind))
        if answer is None:
            raise _End("asks", "", (name, kind))
        if not answer.known:
            raise _End("temperror", f"DNS gave no answer about {name}")
        if not answer.records and self.lookups:  # the first record is no term's
            self.voids += 1
            if self.voids > MAX_VOIDS:
                raise _End("permerror", f"more than {MAX_VOIDS} look-ups lead to nothing, the last is {name}")
        return answer

    def _expand(self, domain: str, text: str) -> str:
        """A name with its macros filled in (7.1), as names are written here."""

        def macro(found: re.Match[str]) -> str:
            if found[1]:
                return {"%": "%", "_": " ", "-": "%20"}[found[1]]
            letter = (found[2] or "").lower()
            if letter in ("s", "l", "p", "c", "r", "t"):
                raise _End("unjudged", f"%{{{letter}}} in the record of {domain} depends on the message")
            if letter not in ("d", "o", "i", "v", "h") or found[3].startswith("0"):
                raise _End("permerror", f"{found[0]!r} in the record of {domain} is no macro")
            return self._macro(letter, domain, int(found[3] or 0), bool(found[4]), found[5] or ".")

        name = _MACRO.sub(macro, text).lower().rstrip(".")
        if not name.isascii() or any(len(label) > 63 or not label for label in name.split(".")):
            raise _End("permerror", f"{text!r} in the record of {domain} is no name")
        while len(name) > 253:
            name = name.partition(".")[2]
        return name

    def _macro(self, letter: str, domain: str, kept: int, backwards: bool, marks: str) -> str:
        if self.address is None and letter in ("i", "v"):
            raise _End("unjudged", f"%{{{letter}}} in the record of {domain} depends on the address that sends")
        value = {"d": domain, "o": domain, "h": self.host}.get(letter, "")
        if letter == "i":
            assert self.address is not None
            digits = self.address.exploded.replace(":", "") if self.address.version == 6 else ""
            value = ".".join(digits) if digits else str(self.address)
        elif letter == "v":
            value = "in-addr" if self.address is not None and self.address.version == 4 else "ip6"
        parts = re.split("[" + re.escape(marks) + "]", value)
        if backwards:
            parts.reverse()
        return ".".join(parts[-kept:])


#: Of each mechanism: must it have a value, may it, and may it have prefix lengths?
_SHAPES = {
    "all": (False, False, False),
    "include": (True, True, False),
    "a": (False, True, True),
    "mx": (False, True, True),
    "ptr": (False, True, False),
    "exists": (True, True, False),
}


def _lengths(sizes: str) -> dict[int, int]:
    """The prefix lengths of ``/24//64`` by the version of IP."""
    four, _, six = sizes.partition("//")
    return {4: int(four[1:] or 32), 6: int(six or 128)}


def _sane(sizes: str) -> bool:
    found = _lengths(sizes)
    return found[4] <= 32 and found[6] <= 128


def _within(address: Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except (ValueError, TypeError):
        return False


def named(text: str) -> Iterator[str]:
    """The domains whose records a record includes or leads to, without macros: what may be asked at once."""
    for term in text.lower().split()[1:]:
        for word in ("include:", "redirect="):
            name = term.lstrip("+-~?")
            if name.startswith(word) and "%" not in name and name.isascii():
                yield name.removeprefix(word).rstrip(".")
