"""Lists that go out as files: a page that tells how far one is, while the browser fetches the file from it.

What is exported is not counted before: lists go from the newest to the oldest, and the bar tells how far back one is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from twisted.web.server import Request

from ...manage import accounts
from ...manage.errors import Unknown
from ...manage.export import Progress
from .. import query
from ..markup import Markup, tag
from . import look, owners
from .frame import Console
from .jobs import Job, Jobs
from .visit import Visit

TITLE = "Export"


async def send(
    going: Jobs, visit: Visit, id: str, progress: Progress, file: Callable[[], Awaitable[bytes]], since: int = 0
) -> bytes:
    """Let a file go out, and let `page` tell how far it is; nothing in it is from before `since`."""
    _known(going, visit, id)
    oldest = max(since, min((each.created_at for each in await accounts.every(visit.installation)), default=0))
    job = Job(id or visit.installation.new_id(), visit.caller.bound, TITLE, tuple)
    job.shown = lambda: _shown(job, progress, oldest)
    with going.under_way(job):
        return await file()


def page(console: Console, going: Jobs, request: Request, visit: Visit, above: Sequence[tuple[str, str]]) -> bytes:
    """The page whose file goes out below its own address; `id` in that stands for this export."""
    there = urlsplit(request.uri.decode("ascii", "replace"))
    file = f"{there.path}/file?{there.query}"
    job = _known(going, visit, query.text(request, "id"))
    shown = job.shown() if job is not None else ()
    over = job is not None and job.over
    body = (
        look.followed("export", *shown, over=over),
        tag("p", tag("a", "Download again" if job is not None else "Download", href=file, download=True,
                     class_="button quiet", data_begin=job is None)),
    )  # fmt: skip
    return console.page(request, visit, TITLE, *body, here=above[0][0], above=above)


def _known(going: Jobs, visit: Visit, id: str) -> Job | None:
    """The export of an id, None when it has not begun; another's is not there."""
    try:
        job = going.find(id)
    except Unknown:
        return None
    owners.sight(visit, job.account, "export", id)
    return job


def _shown(job: Job, progress: Progress, oldest: int) -> tuple[Markup, ...]:
    if progress.whole:
        return (look.notice(f"Everything was written: {_rows(progress)}.", "said"),)
    if job.over:
        return (look.notice(f"It was broken off: the file is not whole, it has {_rows(progress)}.", "fault"),)
    whole = max(0, progress.newest - oldest)
    done = progress.newest - progress.at
    return (look.progress("Exporting", done, whole, _rows(progress)),)


def _rows(progress: Progress) -> str:
    return f"{progress.rows} {'row' if progress.rows == 1 else 'rows'}"
