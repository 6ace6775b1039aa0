"""Takes values out of a table of a TOML file, and gathers what is wrong with them.

Every method gives back a value of the promised type whatever the file holds; what did not fit is noted as
`file: key: reason` in `faults`, so that one reading finds every fault. It never raises, opens no file, and knows
nothing about dialects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_KINDS = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    float: "a number",
}


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    return _KINDS.get(type(value), "a date or time")


class Reading:
    """One file being read: `file` is its name in the faults."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[str] = []

    def fault(self, key: str, reason: str) -> None:
        """Note what is wrong with a key."""
        self.faults.append(f"{self.file}: {key}: {reason}")

    def known(self, table: Mapping[str, object], allowed: Collection[str], prefix: str = "") -> None:
        """Every key of a table must be one of `allowed`."""
        for key in table:
            if key not in allowed:
                self.fault(f"{prefix}{key}", "unknown key")

    def _mismatch(self, key: str, value: object, wanted: str) -> None:
        self.fault(key, "missing" if value is None else f"must be {wanted}, not {kind_of(value)}")

    def table(self, key: str, value: object, allowed: Collection[str]) -> Mapping[str, object] | None:
        """A table with keys of a closed set; None where there is none, so that its keys are not missed one by one."""
        if isinstance(value, dict):
            self.known(value, allowed, f"{key}.")
            return value
        self._mismatch(key, value, "a table")
        return None

    def text(self, key: str, value: object) -> str:
        """A text that is not empty."""
        if not isinstance(value, str):
            self._mismatch(key, value, "a text")
        elif not value:
            self.fault(key, "must not be empty")
        else:
            return value
        return ""

    def switch(self, key: str, value: object) -> bool:
        """True or false."""
        if isinstance(value, bool):
            return value
        self._mismatch(key, value, "true or false")
        return False

    def count(self, key: str, value: object, lowest: int, highest: int) -> int:
        """A whole number within bounds."""
        if not isinstance(value, int) or isinstance(value, bool):
            self._mismatch(key, value, "a whole number")
        elif not lowest <= value <= highest:
            self.fault(key, f"must be from {lowest} to {highest}, not {value}")
        else:
            return value
        return lowest

    def choice(self, key: str, value: object, allowed: Collection[str]) -> str:
        """One word of a closed set."""
        if not isinstance(value, str):
            self._mismatch(key, value, "a text")
        elif value not in allowed:
            self.fault(key, f"must be one of {', '.join(allowed)}, not {value!r}")
        else:
            return value
        return ""

    def _list(self, key: str, value: object) -> list[object]:
        if isinstance(value, list):
            return value
        self._mismatch(key, value, "a list")
        return []

    def texts(self, key: str, value: object) -> tuple[str, ...]:
        """A list of different texts."""
        found = [self.text(f"{key}[{number}]", item) for number, item in enumerate(self._list(key, value))]
        return self._different(key, found)

    def choices(self, key: str, value: object, allowed: Collection[str]) -> tuple[str, ...]:
        """A list of different words of a closed set, in the order given."""
        found = [self.choice(f"{key}[{number}]", item, allowed) for number, item in enumerate(self._list(key, value))]
        return self._different(key, found)

    def _different(self, key: str, found: list[str]) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(word for word in found if word))
        for word in words:
            if found.count(word) > 1:
                self.fault(key, f"names {word!r} more than once")
        return words

    def counts(self, key: str, value: object, lowest: int, highest: int) -> tuple[int, ...]:
        """A list of whole numbers within bounds."""
        items = enumerate(self._list(key, value))
        return tuple(self.count(f"{key}[{number}]", item, lowest, highest) for number, item in items)
