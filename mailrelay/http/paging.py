"""Pages by key: every operation that tells a list by the page says where the next one is in the header Link (RFC 8288).

A page begins behind a key, the parameter `before` for what is told newest first and `after` for what is told in order.
So nothing is skipped and nothing told twice while more comes in. Where the answer is an object, the key stands in it,
too; where it is a plain list, it is the id of the last of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel
from twisted.web.iweb import IRequest

#: Under which names a page tells the key of the next.
_KEYS = ("next", "before", "cursor")


def point_on(request: IRequest, asked: BaseModel, found: object) -> None:
    """Put the place of the next page into the response, where there is one."""
    fields = type(asked).model_fields
    parameter = next((name for name in ("before", "after") if name in fields), "")
    if not parameter or "limit" not in fields:
        return
    key = _key(found, getattr(asked, "limit", 0))
    if not key:
        return
    given = {name.decode("ascii"): values for name, values in request.args.items() if name != parameter.encode("ascii")}
    place = urlencode({**given, parameter: key}, doseq=True)
    request.setHeader(b"Link", f'<?{place}>; rel="next"'.encode("ascii"))


def _key(found: object, limit: int) -> str:
    """The key of the next page, "" behind the last."""
    if isinstance(found, list):
        last: Mapping[str, Any] = found[-1] if found and len(found) >= limit else {}
        return str(last.get("id", ""))
    if isinstance(found, dict) and found.get("more", True):
        return next((str(found[name]) for name in _KEYS if found.get(name)), "")
    return ""
