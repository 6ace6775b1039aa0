"""What every table is made of: its metadata, and columns of the three kinds."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def key(name: str, *, primary: bool = False) -> sa.Column[str]:
    """A text that is compared by its bytes."""
    return sa.Column(name, _Key, primary_key=primary, nullable=False)


def number(name: str, *, primary: bool = False) -> sa.Column[int]:
    """A whole number, such as an instant in microseconds."""
    return sa.Column(name, sa.BigInteger, primary_key=primary, nullable=False, autoincrement=False)


def flag(name: str) -> sa.Column[int]:
    """0 or 1."""
    return sa.Column(name, sa.SmallInteger, nullable=False)
