"""What the relay tells of the submissions it turned down, so that they can be explained (law 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zope.interface import Interface


class IVerdicts(Interface):
    """The decisions about what was not accepted; those about what was are kept with the message."""

    def keep(connection: str, account: str, peer: str, stage: str, verdicts: Sequence[Mapping[str, object]]) -> None:
        """Keep the verdicts of one refusal with the next commit. Never waits, never fails; beyond a thousand that wait
        they are only counted."""
