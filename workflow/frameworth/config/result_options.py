"""The parts of a checked config by which a study's results are read and shown."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from frameworth.config.model import Figures, Influence, StudyConfig, Validation, influence_model
from frameworth.config.section import Section
from frameworth.config.training import Training


def _with_methods(given: Any) -> Any:
    return influence_model().model_validate(given) if isinstance(given, dict) else given


class ResultOptions(Section):
    """A stage is given the parts that its rule names, so that it is not run again for others; the rest is None."""

    influence: Annotated[SerializeAsAny[Influence], BeforeValidator(_with_methods)] | None = None
    validation: Validation | None = None
    figures: Figures | None = None
    consensus: str | None = None
    """The form of consensus, of the config's `prediction`."""
    training: SerializeAsAny[Training] | None = None
    videos: list[str] = []
    """The names of the videos' folders."""
    pilot: bool = False
    """Whether there is a pilot."""


def result_options(config: StudyConfig) -> ResultOptions:
    """The options with which commands read a finished study."""
    return ResultOptions(
        influence=config.influence,
        validation=config.validation,
        figures=config.figures,
        consensus=config.prediction.consensus,
    )
