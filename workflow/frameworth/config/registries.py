"""What a config may name because there is one: estimators, methods and engines with a file, scores of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticKnownError

from frameworth.attribution.estimators import estimator_names
from frameworth.attribution.methods import method, method_names
from frameworth.config.kinds import Text
from frameworth.config.section import Section
from frameworth.engine import engine_names
from frameworth.scores.registry import loss_names


def methods_there_are() -> tuple[str, ...]:
    """The names of all methods that examine networks."""
    return tuple(method_names())


def method_section(name: str) -> type[Section]:
    """The section below `influence` of a method."""
    return method(name).section()


def asked_methods(influence: Section) -> dict[str, Any]:
    """The methods that a config's `influence` asks for, by name, and all of its section of each."""
    asked = {name: getattr(influence, name, None) for name in method_names()}
    return {name: options for name, options in asked.items() if options is not None}


def replay_windows(influence: Section) -> dict[str, float]:
    """By the asked methods that take trainings again, the last part of the steps that they take."""
    asked = asked_methods(influence).items()
    return {name: window(options) for name, options in asked if (window := method(name).window)}


def _rankings() -> list[str]:
    return ["check_priority", "value", *(method(name).value_column for name in method_names())]


def _one_of(names: Callable[[], list[str]]) -> AfterValidator:
    """A text that must be among names which are looked up whenever one is checked."""

    def known(name: str) -> str:
        if name not in names():
            raise PydanticKnownError("literal_error", {"expected": ", ".join(names())})
        return name

    return AfterValidator(known)


def _listed(names: Callable[[], list[str]]) -> Any:
    return Field(json_schema_extra=lambda schema: schema.update(enum=[*names()]))


Estimator = Annotated[Text, _one_of(estimator_names), _listed(estimator_names)]
EngineName = Annotated[Text, _one_of(engine_names), _listed(engine_names)]
ScoreName = Annotated[Text, _one_of(loss_names), _listed(loss_names)]
Ranking = Annotated[Text, _one_of(_rankings), _listed(_rankings)]
