"""Paths and mailboxes. (Skeleton: filled in by the ground.)"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address: `local` part as given, `domain` in lower-case A-labels (or an address literal in brackets)."""

    local: str
    domain: str
