"""What a use case refused, as words beside the field of the form that it is about. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from ...manage.errors import Invalid, Unknown

_SAME: Mapping[str, str] = {}


def about(fault: Invalid | Unknown) -> str:
    """The field that a fault is about, by the name that the use case gives it."""
    return fault.field if isinstance(fault, Invalid) else fault.what


def words(fault: Invalid | Unknown) -> str:
    """What is wrong."""
    return fault.reason if isinstance(fault, Invalid) else f"there is no {fault.what} {fault.name!r}"


def beside(fault: Invalid | Unknown | None, fields: Mapping[str, str] = _SAME, otherwise: str = "") -> dict[str, str]:
    """The words by the field of the form: `fields` maps what a fault is about to one, where the names differ; what it
    does not have stands beside the field `otherwise`, or ("") beside one of the same name."""
    if fault is None:
        return {}
    return {fields.get(about(fault), otherwise or about(fault)): words(fault)}
