"""Why a use case was not carried out, in words for the person who asked.

`Invalid`, `Taken`, `Unknown` and `Forbidden` are the only errors that a use case raises on purpose; their text is one
line that can be shown as it is. Anything else that escapes is a failure inside and carries no promise.
"""

from __future__ import annotations


class Invalid(ValueError):
    """A value cannot be taken: `field` names it, `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class Taken(Invalid):
    """A name that must be unique belongs to another already."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(what, f"{name!r} exists already")


class Unknown(LookupError):
    """There is no such thing: `what` says of which kind, `name` under which name it was looked for."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(what, name)
        self.what = what
        self.name = name

    def __str__(self) -> str:
        return f"{self.what}: there is no {self.name!r}"


class Forbidden(Exception):
    """The caller may not do this, whatever it is done to: `reason` says what keeps them from it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
