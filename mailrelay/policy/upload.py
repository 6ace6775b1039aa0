"""Where a service takes files for its cache by HTTP, so that an application uploads as it always did.

`[upload]` of a dialect file: the `path` of the service's own address, the `scheme` of the Authorization header before a
connection's key, and the `answer`, whose texts show the fields `{key}` and `{name}`. It is served beside our own API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .reading import Reading
from .verdict import JSON

_SETTINGS = ("path", "scheme", "answer")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+){1,3}")
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: First segments of paths that have another meaning.
_TAKEN = ("api", "sandbox", "healthz", "metrics", "static")


@dataclass(frozen=True, slots=True)
class Upload:
    """How a service takes files; `answer` is what a program reads when one was taken."""

    path: str
    scheme: str
    answer: Mapping[str, JSON] = field(default_factory=dict)

    def told(self, key: str, name: str) -> JSON:
        """The answer for a file that was taken under a key."""
        return _filled(self.answer, key, name)


def _filled(answer: JSON, key: str, name: str) -> JSON:
    if isinstance(answer, str):
        return {"{key}": key, "{name}": name}.get(answer, answer)
    if isinstance(answer, Mapping):
        return {each: _filled(value, key, name) for each, value in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [_filled(each, key, name) for each in answer]
    return answer


def read_upload(reading: Reading, value: object) -> Upload | None:
    """The table of a file, None where there is none; every fault is noted with its key."""
    if value is None:
        return None
    table: Mapping[str, object] = reading.table("upload", value, _SETTINGS) or {}
    path, scheme = reading.text("upload.path", table.get("path")), reading.text("upload.scheme", table.get("scheme"))
    if path and (not _PATH.fullmatch(path) or path.split("/")[1] in _TAKEN):
        reading.fault("upload.path", f"must be up to three segments such as /v1/files that are not ours, not {path!r}")
    if scheme and (not _SCHEME.fullmatch(scheme) or scheme.lower() == "bearer"):
        reading.fault("upload.scheme", f"must be one word and not Bearer, which is ours, not {scheme!r}")
    answer = table.get("answer")
    if not isinstance(answer, dict) or "{key}" not in str(answer):
        reading.fault("upload.answer", "must be a table in which {key} stands for the file's key")
        answer = {}
    return Upload(path, scheme, answer)
