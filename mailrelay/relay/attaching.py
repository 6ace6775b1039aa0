"""Files of the cache put behind what a message holds, by the keys that it names.

A file is found among those of the account and those that serve all, and read when the message is prepared, so that what
is stored is whole and no later change of the cache touches it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import execute

from ..interfaces.files import IFiles
from ..mail.rebuild import File, attach
from ..mail.reply import Refusal
from .aside import AT_ONCE, Aside

if TYPE_CHECKING:
    from .prepare import Draft


async def attached(
    files: IFiles, account: str, draft: Draft, limit: int, bad_key: str, aside: Aside = execute
) -> Draft:
    """The draft with the files that it names, each under the name given with its key, else its own.

    A key under which there is no file refuses the message (`bad_key` "refuse"), or puts it on record ("fail"). Fails
    with `Refusal` "message_too_big" where it would come to more than `limit` octets.
    """
    named = draft.instructions.files
    if not named:
        return draft
    found = await files.find(account, {key for key, _ in named})
    for key, _ in named:
        if key not in found:
            if bad_key == "fail":
                return draft.rejected(f"there is no file under the key {key}")
            raise Refusal("file_key_unknown", {"key": key}, rule="file_key", facts={"key": key})
    # in base64, whose lines end
    size = len(draft.message.source) + sum(found[key].size * 4 // 3 * 78 // 76 for key, _ in named)
    if size > limit:
        raise Refusal("message_too_big", {"limit": limit}, rule="size", facts={"size": size, "limit": limit})
    read = {key: await files.read(file.id) for key, file in found.items()}
    taken = [File(name or found[key].name, found[key].type, read[key]) for key, name in named]
    whole = await (aside if size > AT_ONCE else execute)(attach, draft.message, taken, draft.id)
    return replace(draft, message=whole)
