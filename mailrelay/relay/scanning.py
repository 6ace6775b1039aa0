"""A message looked into by the installation's scanner, just as it would be stored: templates filled, cached files in
it, our own trace before it, by which a scanner knows it for a mail whatever its first field is.

What a scanner names is refused for good; while it cannot tell, nothing is taken.
"""

from __future__ import annotations

from ..interfaces.bodies import ISpool
from ..interfaces.scanner import IScanner
from ..mail.reply import Refusal
from .decisions import Decisions
from .prepare import Draft


async def look_into(scanner: IScanner, spool: ISpool, stored: bytes, draft: Draft, decisions: Decisions) -> None:
    """Have a message looked into, of which `stored` is all but what lies in the spool; the decision is noted.

    Fails with `Refusal` "virus_found", or "temporary" when nobody can tell.
    """
    rest = await spool.read(draft.id) if draft.spooled else b""
    try:
        name = await scanner.scan(stored + rest)
        if name:
            raise Refusal("virus_found", {"name": name}, rule="scanner", facts={"virus": name})
    except Refusal as refusal:
        decisions.turned_down("data", refusal)
        raise
    decisions.note("scanner", virus="")
