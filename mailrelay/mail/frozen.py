"""Frozen values at the price of plain ones.

A dataclass that Python itself freezes sets each field by a call, and a message is some two hundred fields on its way:
that was one twenty-fifth of what it costs. So mypy keeps these values from being changed, as it does any other frozen
dataclass, and Python does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """A frozen dataclass with slots, equal and hashed by its fields; for values that every message makes anew."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
