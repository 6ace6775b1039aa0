"""Indexes by which the send history is paged: by connection, address, tag, state and reference.

Revision ID: 0024
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_index("recipients_connection", "recipients", ["connection", "id"])
    op.create_index("recipients_address", "recipients", ["destination", "key", "id"])
    op.create_index("recipients_tag", "recipients", ["tag", "id"], **_where("tag <> ''"))
    troubled = "state IN ('bounced', 'deferred', 'expired', 'failed', 'suppressed')"
    op.create_index("recipients_state", "recipients", ["state", "id"], **_where(troubled))
    op.create_index("messages_client_ref", "messages", ["client_ref", "id"], **_where("client_ref <> ''"))
