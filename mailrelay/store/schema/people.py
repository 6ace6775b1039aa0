"""Tables of who uses the installation, and what they changed."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import key, metadata, number

#: People who sign in (`interfaces.people`); `recovery` is a JSON list.
users = sa.Table(
    "users",
    metadata,
    key("id", primary=True),
    key("name"),
    key("role"),
    key("account"),
    key("password"),
    key("status"),
    key("totp"),
    key("totp_offered"),
    number("totp_step"),
    key("recovery"),
    number("created_at"),
    sa.UniqueConstraint("name", name="users_name"),
    sqlite_with_rowid=False,
)

sessions = sa.Table(
    "sessions",
    metadata,
    key("digest", primary=True),
    key("user"),
    number("created_at"),
    number("seen_at"),
    key("address"),
    key("agent"),
    key("acting"),
    sqlite_with_rowid=False,
)
sa.Index("sessions_user", sessions.c.user)

#: The audit log (`interfaces.changes.Change`).
changes = sa.Table(
    "changes",
    metadata,
    key("id", primary=True),
    number("at"),
    key("kind"),
    key("who"),
    key("address"),
    key("acting"),
    key("action"),
    key("account"),
    key("object"),
    key("name"),
    key("details"),
    sqlite_with_rowid=False,
)
sa.Index("changes_account", changes.c.account, changes.c.id)
sa.Index("changes_who", changes.c.who, changes.c.id)
sa.Index("changes_at", changes.c.at)

#: Tokens of the API (`interfaces.tokens.Token`); lists are JSON.
tokens = sa.Table(
    "tokens",
    metadata,
    key("id", primary=True),
    key("account"),
    key("name"),
    key("digest"),
    key("begin"),
    key("scopes"),
    key("networks"),
    key("maker"),
    number("created_at"),
    number("expires_at"),
    number("used_at"),
    sqlite_with_rowid=False,
)
sa.Index("tokens_digest", tokens.c.digest, unique=True)
sa.Index("tokens_name", tokens.c.account, tokens.c.name, unique=True)

#: Answers under idempotency keys (`interfaces.answers.Answered`).
answers = sa.Table(
    "answers",
    metadata,
    key("caller", primary=True),
    key("key", primary=True),
    key("digest"),
    number("at"),
    number("status"),
    key("type"),
    key("sealed"),
    sqlite_with_rowid=False,
)
sa.Index("answers_at", answers.c.at)
