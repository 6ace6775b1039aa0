"""The unknown COMMIT: finding out, after an error, whether a batch is on the disk.

A failed COMMIT is not a rollback: after an fsync error the rows may come back with a restart. So the outcome is asked
of the database itself, over a new connection, by a small write that also makes the answer final: once it is
committed, the batch either stands below it or can never appear. On PostgreSQL the write waits for the row that the
lost transaction may still hold locked. This module never guesses: an error here means that nobody knows yet.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from .engine import Database
from .schema import batches

#: How long PostgreSQL may take to let go of the lost transaction's row, before we ask again, in milliseconds.
_LOCK_TIMEOUT = 1000


def was_committed(database: Database, node: str, batch: str) -> bool:
    """Is `batch` the last that `node` committed? Any exception: undecided."""
    make = sqlite.insert if database.sqlite else postgresql.insert
    void = (
        make(batches)
        .values(node=node, batch="", voids=1)
        .on_conflict_do_update(index_elements=["node"], set_={"voids": batches.c.voids + 1})
        .returning(batches.c.batch)
    )
    with database.open_writer() as connection, connection.begin():
        if not database.sqlite:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT}"))
        found = connection.execute(void).scalar_one()
    return bool(found == batch)
