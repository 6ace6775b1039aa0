"""The keys that links in mail are signed by: list them, make a new one, believe an old one no longer.

The daemon follows within a second. A withdrawn key makes dead links of all that it signed: unsubscribes, too.
"""

from __future__ import annotations

from ..mail.token import PATHS, Purpose, Token, make
from ..policy.link_keys import SETTING, LinkKey, LinkKeys, secret_of
from . import checked
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .rights import administrators_only


@use_case
@administrators_only
async def every(installation: Installation) -> tuple[LinkKey, ...]:
    """All keys in the order of their making; the last one signs."""
    return (await _read(installation)).keys


@audited("link-key.rotate")
@administrators_only
async def rotate(installation: Installation) -> LinkKey:
    """A new key, which signs from now on."""
    keys = (await _read(installation)).rotated(installation.now())
    await installation.registry.put_setting(SETTING, keys.text)
    return keys.keys[-1]


@audited("link-key.withdraw")
@administrators_only
async def withdraw(installation: Installation, number: int) -> LinkKey:
    """Believe no link that this key signed any more."""
    number = checked.number("number", number, 1, 65_535)
    before = await _read(installation)
    try:
        keys = before.withdrawn(number, installation.now())
    except KeyError:
        raise Unknown("link key", str(number)) from None
    except ValueError as error:
        raise Invalid("number", str(error)) from None
    await installation.registry.put_setting(SETTING, keys.text)
    return next(key for key in keys.keys if key.number == number)


@use_case
async def confirmation(installation: Installation, account: str, address: str) -> str:
    """Where, under the public address, a sender address of an account (its id) is confirmed; good for some days."""
    number = (await _read(installation)).current
    token = Token(Purpose.CONFIRM, installation.new_id(), account=account, mailbox=address)
    return f"/{PATHS[Purpose.CONFIRM]}/{make(token, number, installation.vault.subkey(secret_of(number)))}"


async def _read(installation: Installation) -> LinkKeys:
    return LinkKeys.read(await installation.registry.setting(SETTING))
