"""What a use case refused, as words beside the field of the form that it is about. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from ...manage.errors import Invalid, Unknown


def beside(fault: Invalid | Unknown | None, fields: Mapping[str, str], otherwise: str) -> dict[str, str]:
    """The words by the field of the form; `fields` maps what a fault is about to one, where the names differ."""
    if fault is None:
        return {}
    about, words = (
        (fault.field, fault.reason)
        if isinstance(fault, Invalid)
        else (fault.what, f"there is no {fault.what} {fault.name!r}")
    )
    return {fields.get(about, otherwise): words}
