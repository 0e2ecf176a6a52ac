"""What all sections of a config have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator


class Section(BaseModel):
    """A part of a config whose keys are known; the docstring below a key says what it is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    def __or__(self, changes: Mapping[str, Any]) -> Self:
        """A copy with other values of some keys, which are checked."""
        return self.model_validate(self.model_dump() | dict(changes))

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, given: Any) -> Any:
        """Leave out the keys with nothing after them, where that can only mean the default."""
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None or not cls._means_default(key)}

    @classmethod
    def _means_default(cls, key: Any) -> bool:
        field = cls.model_fields.get(key)
        if field is None or field.is_required() or type(None) in get_args(field.annotation):
            return False
        return field.default is not None

    @model_serializer(mode="wrap")
    def _with_values(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys that have a value; one that is empty on purpose has been given."""
        fields = serialise(self)
        return {key: value for key, value in fields.items() if value is not None or key in self.model_fields_set}


def section_at(section: type[Section], path: Sequence[Any]) -> type[Section]:
    """The innermost section on the way of `path`, which begins in `section`."""
    parts = iter(path)
    for part in parts:
        field = section.model_fields.get(part)
        within = next(_sections(field.annotation), None) if field else None
        if field is None or within is None:
            continue
        section = within
        if any(get_origin(kind) is dict for kind in (field.annotation, *get_args(field.annotation))):
            next(parts, None)  # a name of the user's
    return section


def description_of(section: type[Section], key: str) -> str:
    """What a key of a section is, in one line: the text below the key, or that of the section which it holds."""
    field = section.model_fields[key]
    within = next(_sections(field.annotation), None)
    return " ".join((field.description or (within and within.__doc__) or "").split())


def _sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
