"""The use cases of people and programs: what the command line and the HTTP interface share.

One module per noun. Every use case takes an `Installation` first, gives a Deferred of a frozen value, and fails with
`Invalid`, `Taken`, `Unknown` or `Forbidden` when it was asked for something that cannot be. Nothing here prints, parses
a command line, or knows SQL.
"""

from .errors import Forbidden, Invalid, Taken, Unknown
from .installation import Installation

__all__ = ["Forbidden", "Installation", "Invalid", "Taken", "Unknown"]
