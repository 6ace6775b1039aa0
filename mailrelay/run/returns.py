"""What the listeners of the bounce domain are made of: their texts, and the portal behind them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred

from ..policy.dialect import Dialect, load
from ..relay.feedback import Reader, ReturnPath, feedback_portal
from ..store import Store


def reports_dialect() -> Dialect:
    """The texts of listeners that take what comes back."""
    return load(resources.files(__package__).joinpath("feedback.toml").read_text("utf-8"), "feedback")


def returns(
    path: ReturnPath,
    store: Store,
    aside: Callable[..., Deferred[Any]],
    now: Callable[[], int],
    new_id: Callable[[], str],
) -> tuple[Dialect, Portal]:
    """How these listeners speak, and who lets everybody in to report."""
    dialect = reports_dialect()
    return dialect, feedback_portal(Reader(path, store.ledger, store.engagement, aside, now, new_id), dialect)
