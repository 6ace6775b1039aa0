"""Tables of money: what moved a balance, plans, prices and orders."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import key, metadata, number

#: What moved a balance. `subject` is the recipient charged, or the entry's own id when no recipient is concerned.
entries = sa.Table(
    "entries",
    metadata,
    key("subject", primary=True),
    key("kind", primary=True),
    key("account"),
    number("amount"),
    key("note"),
    number("at"),
    sqlite_with_rowid=False,
)

#: What is not of single recipients, so that the index costs nothing when mail is sent.
MOVED = sa.text("kind NOT IN ('send', 'refund')")
sa.Index(
    "entries_moved",
    entries.c.account,
    entries.c.at,
    entries.c.subject,
    entries.c.kind,
    sqlite_where=MOVED,
    postgresql_where=MOVED,
)

#: Monthly plans (`interfaces.plans.Plan`).
plans = sa.Table(
    "plans",
    metadata,
    key("account", primary=True),
    number("monthly"),
    number("month"),
    number("granted"),
    number("base"),
    sqlite_with_rowid=False,
)

#: What sends cost (`interfaces.orders.PriceTable`); `steps` is JSON: pairs of sends and price.
prices = sa.Table(
    "prices",
    metadata,
    key("name", primary=True),
    key("kind"),
    key("account"),
    key("currency"),
    key("steps"),
    number("changed_at"),
    sqlite_with_rowid=False,
)

#: Who asked for sends (`interfaces.orders.Order`).
orders = sa.Table(
    "orders",
    metadata,
    key("id", primary=True),
    key("account"),
    key("kind"),
    number("sends"),
    key("status"),
    key("prices"),
    key("currency"),
    number("per_thousand"),
    number("total"),
    key("note"),
    key("requested_by"),
    number("requested_at"),
    key("answer"),
    key("decided_by"),
    number("decided_at"),
    sqlite_with_rowid=False,
)
sa.Index("orders_account", orders.c.account, orders.c.id)
sa.Index("orders_status", orders.c.status, orders.c.id)
