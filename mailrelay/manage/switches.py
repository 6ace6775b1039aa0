"""Switches of the whole installation, which the daemon reads within a second.

`paused` holds the reason while no new mail is taken, else nothing. `login_guard_cleared` tells from which instant on
failed logins count again, and under which key (`interfaces.counters.login_key`): of one user name from one address, of
an address, or of all. Nothing here counts anything.
"""

from __future__ import annotations

import json

from ..interfaces.counters import login_key
from . import checked
from .audited import audited
from .errors import Invalid
from .installation import Installation, use_case
from .rights import administrators_only
from .settings import PAUSED

LOGIN_GUARD_CLEARED = "login_guard_cleared"


@audited("relay.pause")
@administrators_only
async def pause(installation: Installation, reason: str = "") -> str:
    """Answer every client with the dialect's temporary refusal; what is queued goes on."""
    reason = checked.printable("reason", reason.strip(), 200) or "1"
    await installation.registry.put_setting(PAUSED, reason)
    return reason


@use_case
@administrators_only
async def paused(installation: Installation) -> str:
    """Why no new mail is taken, "1" for no reason told; "" where it is."""
    return await installation.registry.setting(PAUSED)


@audited("relay.resume")
@administrators_only
async def resume(installation: Installation) -> None:
    """Take mail again."""
    await installation.registry.put_setting(PAUSED, "")


@audited("relay.clear-login-guard")
@administrators_only
async def clear_login_guard(installation: Installation, address: str = "", username: str = "") -> str:
    """Forget failed logins: all, those of an address, or those for a user name from it; fires with the prefix."""
    if username and not address:
        raise Invalid("user", "failures are counted per address: give the address, too")
    prefix = login_key(
        checked.address("address", address) if address else "", checked.username(username) if username else ""
    )
    cleared = json.dumps({"at": installation.now(), "prefix": prefix})
    await installation.registry.put_setting(LOGIN_GUARD_CLEARED, cleared)
    return prefix
