"""The description of the API in OpenAPI 3.1, made of the table of operations and their models.

What an operation may answer follows from what it is: who gives a body may be told 413 and 415, who changes something
409, and so on. A status that no rule here knows stands in the operation itself (`also`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from .. import __version__
from . import once
from .dispatch import CHANGING, ROOT
from .openapi_words import ABOUT, HEADERS, HOLES, PARAMETERS, STATUSES, TAGS
from .operation import JSON, Nothing, Operation

PROBLEM = "application/problem+json"
_HOLE = re.compile(r"\{(\w+)\}")
_REFERENCE = "#/components/schemas/{model}"

Plain = dict[str, Any]


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457). Some problems have members of their own."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "sends: must be given",
                 "field": "sends"}
            ]
        },
    )  # fmt: skip

    type: str
    title: str
    status: int
    detail: str = ""
    field: str = ""


class _Schemas(GenerateJsonSchema):
    """Without a title that only repeats the name of a member."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        if schema.get("default", ...) is None:  # it may be left out, and never be null
            inner = schema["schema"]
            return self.generate_inner(inner["schema"] if inner["type"] == "nullable" else inner)
        return super().default_schema(schema)


def document(operations: Iterable[Operation]) -> Plain:
    """The whole description as plain data."""
    operations = tuple(operations)
    kinds = [(each.id, kind) for each in operations for kind in (each.body, each.answer) if kind is not None]
    adapters: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        ((id, index), "validation", TypeAdapter(kind)) for index, (id, kind) in enumerate(kinds)
    ]
    adapters.append((("", -1), "validation", TypeAdapter(Problem)))
    found, defined = TypeAdapter.json_schemas(adapters, ref_template=_REFERENCE, schema_generator=_Schemas)
    schemas = {(id, kinds[index][1]): schema for ((id, index), _), schema in found.items() if id}
    paths: dict[str, Plain] = {}
    for each in operations:
        body = schemas[each.id, each.body] if each.body is not None else None
        answer = schemas[each.id, each.answer] if each.answer is not None else None
        paths.setdefault(each.path, {})[each.method.lower()] = _told(each, body, answer)
    used = {each.tag for each in operations}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mailrelay", "version": __version__, "description": ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": ROOT}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items() if name in used],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(defined.get("$defs", {}).items())),
            "responses": {str(status): _problem(status, words) for status, words in STATUSES.items()},
        },
    }


def encode(described: Plain) -> bytes:
    """A description as JSON."""
    return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def statuses(operation: Operation) -> list[int]:
    """What may be answered besides what is hoped for."""
    found = {400, 401, 403, 429, *operation.also}
    if (
        "{" in operation.path
        or operation.body is not None
        or set(operation.query.model_fields) & {"account", "connection"}
    ):
        found.add(404)
    if operation.method != "GET":
        found.add(409)
    if operation.tagged:
        found.add(304)
    if operation.method == "POST":
        found.add(422)
    elif operation.method in CHANGING:
        found.add(412)
    if operation.body is not None or operation.takes:
        found |= {413, 415}
    return sorted(found)


def _told(operation: Operation, body: Plain | None, answer: Plain | None) -> Plain:
    told: Plain = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": "\n\n".join(filter(None, (operation.description, _rights(operation)))),
        "parameters": [*map(_hole, _HOLE.findall(operation.path)), *_parameters(operation.query), *_heads(operation)],
        "responses": _answers(operation, answer),
        "x-scope": operation.scope,
        "x-administrator": operation.administrator,
    }
    if body is not None:
        told["requestBody"] = {"required": _needed(operation), "content": {JSON: {"schema": body}}}
    elif operation.takes:
        octets = {"schema": {"type": "string", "contentMediaType": operation.takes}}
        told["requestBody"] = {"required": True, "content": {operation.takes: octets}}
    return told


def _rights(operation: Operation) -> str:
    for_whom = " It is for administrators." if operation.administrator else ""
    return f"Needs the scope `{operation.scope}`.{for_whom}"


def _needed(operation: Operation) -> bool:
    assert operation.body is not None
    return any(each.is_required() for each in operation.body.model_fields.values())


def _hole(name: str) -> Plain:
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    return {"name": name, "in": "path", "required": True, "description": HOLES[name], "schema": schema}


def _heads(operation: Operation) -> list[Plain]:
    """The headers that a request may bear."""
    if operation.method == "POST":
        told = [(once.HEADER, {"type": "string", "maxLength": once.MAX_KEY, "pattern": "^[ -~]*$"})]
    elif operation.method in CHANGING:
        told = [("If-Match", {"type": "string"})]
    else:
        told = [("If-None-Match", {"type": "string"})] if operation.tagged else []
    return [
        {"name": name, "in": "header", "required": False, "description": PARAMETERS[name], "schema": schema}
        for name, schema in told
    ]


def _parameters(query: type[BaseModel]) -> list[Plain]:
    if query is Nothing:
        return []
    schema = query.model_json_schema(ref_template=_REFERENCE, schema_generator=_Schemas)
    needed = schema.get("required", [])
    return [_parameter(name, dict(each), name in needed) for name, each in schema["properties"].items()]


def _parameter(name: str, schema: Plain, needed: bool) -> Plain:
    told: Plain = {"name": name, "in": "query", "required": needed}
    if words := schema.pop("description", ""):
        told["description"] = words
    if schema.get("type") == "array":
        told |= {"style": "form", "explode": False}
    return told | {"schema": schema}


def _answers(operation: Operation, answer: Plain | None) -> Plain:
    usual: Plain = {"description": HTTPStatus(operation.status).phrase}
    if answer is not None:
        content = {kind: {"schema": answer if kind == JSON else {"type": "string"}} for kind in operation.answers}
        usual["content"] = content
    others: Plain = {}
    for status in statuses(operation):
        words = operation.also.get(status, "")
        others[str(status)] = _problem(status, words) if words else {"$ref": f"#/components/responses/{status}"}
    return {str(operation.status): usual, **others}


def _problem(status: int, words: str) -> Plain:
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": words}
    told: Plain = {
        "description": words,
        "content": {PROBLEM: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}},
    }
    if headers := HEADERS.get(status):
        told["headers"] = {
            name: {"description": about, "schema": {"type": "string"}} for name, about in headers.items()
        }
    return told
