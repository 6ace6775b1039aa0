"""What the models of the API are made of: objects with known members, and the kinds of values that stand in them.

A parameter of a query comes as a text; the kinds here read it and keep to one spelling, so that what is meant is never
guessed. Bounds stand in the kinds, so that the document tells them, too.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

#: Whole numbers up to here are exact in every reader of JSON.
MOST = 10**15


class Members(BaseModel):
    """An object with these members and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, given: Any) -> Any:
        """A member that may be left out (its default is None) is not null instead."""
        if isinstance(given, dict) and None in given.values():
            for name, field in cls.model_fields.items():
                if field.default is None and given.get(field.alias or name, ...) is None:
                    raise ValueError(f"{field.alias or name}: must not be null; leave it out")
        return given


class Changes(Members):
    """What shall be another way; what is left out stays, and one thing at least is given."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="before")
    @classmethod
    def _something(cls, given: Any) -> Any:
        if given == {}:
            raise ValueError("nothing is given that shall change")
        return given

    @property
    def given(self) -> dict[str, Any]:
        """What shall be another way, by the names that use cases know."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _digits(given: Any) -> Any:
    if isinstance(given, str):
        if not (given.isascii() and given.isdigit() and len(given) < 16):
            raise ValueError("must be a whole number")
        return int(given)
    return given


def _truth(given: Any) -> Any:
    if isinstance(given, str):
        if given not in ("true", "false"):
            raise ValueError("must be true or false")
        return given == "true"
    return given


def _apart(given: Any) -> Any:
    """Each of a list may hold several between commas."""
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return [word for each in given for part in each.split(",") if (word := part.strip())]
    return given


def _address(given: Any) -> Any:
    """A blank in an address is the plus sign that nobody escaped."""
    return given.strip().replace(" ", "+") if isinstance(given, str) else given


#: A whole number in a query.
Whole = Annotated[int, BeforeValidator(_digits)]
#: ``true`` or ``false`` in a query.
Flag = Annotated[bool, BeforeValidator(_truth)]
#: Several words in a query, between commas or the parameter given several times.
Words = Annotated[list[Annotated[str, Field(max_length=64)]], BeforeValidator(_apart), Field(max_length=32)]
#: An address in a query.
Mailbox = Annotated[str, BeforeValidator(_address), Field(max_length=320)]
#: A name or an id.
Name = Annotated[str, Field(max_length=255)]
#: A number of sends.
Sends = Annotated[int, Field(ge=0, le=MOST)]
#: An instant that is told: ISO 8601 in UTC, "" for never.
Instant = Annotated[str, Field(description="an instant in UTC, empty for never", examples=["2026-01-31T12:00:00.000Z"])]
#: An id that we made.
Id = Annotated[str, Field(examples=["01M8AN44D66WA787A9PHNSFCYT"])]


class Owned(Members):
    """Whose it is that is asked for."""

    account: Annotated[Name, Field(description="the account, by name or id, where several have one of that name")] = ""
