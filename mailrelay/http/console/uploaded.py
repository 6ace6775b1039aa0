"""Forms with a file, or with a text as long as one: taken apart in a thread, the file left on the disk.

The web server leaves a large body as it came (`front`). `read` must come before `Console.visit`, which looks for
the visit's key among the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

from twisted.web.server import Request
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from ...mail.rendering import MAX_SOURCE
from ...manage.installation import Installation
from ..problem import Problem

#: Octets of the texts of a form, and its fields.
MOST_TEXT, MOST_FIELDS = 4 * MAX_SOURCE, 50

Fields = Mapping[bytes, list[bytes]]
Files = Mapping[str, FileStorage]

_KIND = "multipart/form-data"


async def read(request: Request, installation: Installation) -> Files:
    """The files of a form by their fields; the other fields are arguments of the request from now on. A file is
    closed with the request. A body of another kind has none."""
    kind, options = parse_options_header((request.getHeader(b"Content-Type") or b"").decode("latin-1"))
    if kind != _KIND:
        return {}
    assert request.content is not None, "a request that is rendered has a body, if an empty one"
    found: tuple[Fields, Files] = await installation.aside(_parted, request.content, options)
    fields, files = found
    request.args.update(fields)
    for each in files.values():
        request.notifyFinish().addBoth(_close, each)
    return files


def _close(_: object, file: FileStorage) -> None:
    file.close()


def _parted(content: IO[bytes], options: Mapping[str, str]) -> tuple[Fields, Files]:
    content.seek(0, 2)
    length = content.tell()
    content.seek(0)
    parser = FormDataParser(max_form_memory_size=MOST_TEXT, max_form_parts=MOST_FIELDS, silent=False)
    try:
        _, form, files = parser.parse(content, _KIND, length, dict(options))
    except ValueError:
        raise Problem(400, "the form cannot be read") from None
    fields = {name.encode("utf-8", "replace"): [each.encode("utf-8", "replace") for each in values]
              for name, values in form.lists()}  # fmt: skip
    return fields, dict(files.items())
