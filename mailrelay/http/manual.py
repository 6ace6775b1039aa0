"""The page that shows the description of the API to people: one section for each tag, one fold for each operation.

It is made of the OpenAPI document alone, of elements, and needs neither script nor anything from elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

from .markup import Markup, join, tag
from .openapi_words import ABOUT

Plain = dict[str, Any]

_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def page(described: Plain, *, style: str, document: str) -> bytes:
    """The whole page; `style` and `document` are where style sheet and document are."""
    root = described["servers"][0]["url"]
    schemas = described["components"]["schemas"]
    statuses = described["components"]["responses"]
    operations = [
        (method.upper(), root + path, told)
        for path, methods in described["paths"].items()
        for method, told in methods.items()
    ]
    tags = [(each["name"], each["description"]) for each in described["tags"]]
    sections = [
        tag(
            "section",
            tag("h2", name, id=f"tag-{name}"),
            tag("p", words),
            *(_operation(each, schemas, statuses) for each in operations if name in each[2]["tags"]),
        )
        for name, words in tags
    ]
    about = [tag("p", *_marked(each)) for each in ABOUT.strip().split("\n\n")]
    kinds = [_schema(name, schema, schemas) for name, schema in schemas.items()]
    body = join(
        tag("nav", tag("ul", *(tag("li", tag("a", name, href=f"#tag-{name}")) for name, _ in tags),
                       tag("li", tag("a", "objects", href="#objects"))), aria_label="Parts of the API"),
        tag("main", tag("h1", f"mailrelay API {described['info']['version']}"), *about,
            tag("p", tag("a", "This description in OpenAPI 3.1", href=document)), *sections,
            tag("section", tag("h2", "objects", id="objects"), *kinds)),
    )  # fmt: skip
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", "mailrelay API"),
        tag("link", rel="stylesheet", href=style),
    )
    return b"<!DOCTYPE html>\n" + tag("html", head, tag("body", body), lang="en").encode("utf-8")


def _operation(each: tuple[str, str, Plain], schemas: Plain, statuses: Plain) -> Markup:
    method, path, told = each
    parts = [tag("p", *_marked(text)) for text in told["description"].split("\n\n")]
    if told["parameters"]:
        rows = [_row(_named(one, one["in"]), one["schema"], one["required"], one.get("description", ""), schemas)
                for one in told["parameters"]]  # fmt: skip
        parts += [tag("h4", "Parameters"), _table(rows)]
    for kind, content in told.get("requestBody", {}).get("content", {}).items():
        parts += [tag("h4", f"Body: {kind}"), *_body(content["schema"], schemas)]
    parts += [tag("h4", "Answers"), _answers(told["responses"], schemas, statuses)]
    line = tag("summary", tag("code", method, class_=f"method {method.lower()}"), " ", tag("code", path), " ",
               tag("span", told["summary"]))  # fmt: skip
    return tag("details", line, *parts, id=told["operationId"])


def _body(schema: Plain, schemas: Plain) -> list[Markup]:
    found = _resolved(schema, schemas)
    if "properties" not in found:
        return [tag("p", _kind(schema))]
    return [_members(found, schemas), *_examples(found, schemas)]


def _members(schema: Plain, schemas: Plain) -> Markup:
    needed = schema.get("required", [])
    rows = [
        _row(tag("code", name), each, name in needed, each.get("description", ""), schemas)
        for name, each in schema["properties"].items()
    ]
    return _table(rows)


def _examples(schema: Plain, schemas: Plain) -> list[Markup]:
    given = schema.get("examples") or [example(schema, schemas)]
    return [tag("pre", json.dumps(each, indent=2, ensure_ascii=False), tabindex="0") for each in given if each]


def example(schema: Plain, schemas: Plain) -> Any:
    """Something that fits: the members that must be given, and those that have an example."""
    schema = _resolved(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    needed = schema.get("required", [])
    return {
        name: each["examples"][0] if each.get("examples") else _plainest(each)
        for name, each in schema.get("properties", {}).items()
        if name in needed or each.get("examples")
    }


def _plainest(schema: Plain) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind: str = schema.get("type", "")
    return {"string": "…", "integer": schema.get("minimum", 1), "boolean": True, "array": []}.get(kind, {})


def _answers(answers: Plain, schemas: Plain, statuses: Plain) -> Markup:
    rows = []
    for status, told in answers.items():
        words = statuses[status]["description"] if "$ref" in told else told["description"]
        kinds = [
            join(_kind(content["schema"]), f" ({kind})" if not kind.endswith("json") else "")
            for kind, content in told.get("content", {}).items()
        ]
        shown = kinds if status.startswith("2") else []
        rows.append(
            tag("tr", tag("th", status, scope="row"), tag("td", *_marked(words), *(join(": ", each) for each in shown)))
        )
    return tag("table", tag("tbody", *rows))


def _schema(name: str, schema: Plain, schemas: Plain) -> Markup:
    parts = [tag("p", *_marked(schema.get("description", "")))]
    if "properties" in schema:
        parts.append(_members(schema, schemas))
    return tag("details", tag("summary", tag("code", name)), *parts, id=f"object-{name}")


def _row(name: str, schema: Plain, needed: bool, words: str, schemas: Plain) -> Markup:
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", _kind(schema), ", needed" if needed else ""),
        tag("td", *_marked(words or _resolved(schema, schemas).get("description", ""))),
    )


def _named(parameter: Plain, where: str) -> Markup:
    name = parameter["name"]
    return tag("code", f"{{{name}}}" if where == "path" else name)


def _table(rows: list[Markup]) -> Markup:
    heads = (tag("th", each, scope="col") for each in ("Name", "Kind", "Meaning"))
    return tag("div", tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows)), class_="wide", tabindex="0",
               role="region", aria_label="Members")  # fmt: skip


def _kind(schema: Plain) -> Markup:
    """What a value is, in words, with a link where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return tag("a", name, href=f"#object-{name}")
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            shown = [_kind(each) for each in schema[several] if each.get("type") != "null"]
            return join(*[part for each in shown for part in (" or ", each)][1:])
    if "enum" in schema or "const" in schema:
        return join(" | ".join(str(each) for each in schema.get("enum", [schema.get("const")])))
    if schema.get("type") == "array":
        return join("list of ", _kind(schema.get("items", {})))
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return join("object of ", _kind(more)) if isinstance(more, dict) and more else join("object")
    return join(_KINDS.get(schema.get("type", ""), "any value"), _bounds(schema))


def _bounds(schema: Plain) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    if "maxLength" in schema:
        return f", at most {schema['maxLength']:,} characters"
    return ""


def _resolved(schema: Plain, schemas: Plain) -> Plain:
    found: Plain = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _marked(text: str) -> list[str]:
    """A text in which code stands between backticks."""
    return [tag("code", part) if index % 2 else part for index, part in enumerate(text.split("`"))]
