"""The config of a study: checked against the schema, with defaults filled in, and expanded to the grid."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import jsonschema
import yaml

from frameworth.errors import UserError
from frameworth.subset_names import subset_name

SCHEMA = Path(__file__).parent.parent / "schemas" / "config.schema.yaml"
DEFAULT_STEPS = 20000


@dataclass(frozen=True)
class PlannedSubset:
    """One subset of the grid, as the config asks for it."""

    percent: int
    seed: int
    design: str
    members: int

    @property
    def name(self) -> str:
        """Its name in tables."""
        return subset_name(self.percent, self.seed)


def read_config(file: TextIO) -> dict[str, Any]:
    """Read and check a study's YAML; raises UserError naming the key or file, what is wrong and what to do."""
    try:
        given = yaml.safe_load(file)
    except yaml.YAMLError as error:
        raise UserError(f"{file.name}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(given, dict):
        raise UserError(f"{file.name}: a config is a mapping of keys such as study and labels")
    return check_config(given)


def check_config(given: dict[str, Any]) -> dict[str, Any]:
    """The config with defaults filled in; raises UserError with every problem, a sentence each, in one line."""
    schema = yaml.safe_load(SCHEMA.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    problems = [problem for error in validator.iter_errors(given) for problem in _explain(error)]
    if problems:
        raise UserError("config: " + "; ".join(dict.fromkeys(problems)))
    config = _with_defaults(given, schema)
    training = config["training"]
    if "steps" in training and "epochs" in training:
        raise UserError("config: training.steps and training.epochs exclude each other; keep one")
    if "epochs" not in training:
        training.setdefault("steps", DEFAULT_STEPS)
    if training["weights"] not in ("imagenet", "random") and not Path(training["weights"]).is_file():
        raise UserError(
            f"config: training.weights: there is no file {training['weights']!r}; give imagenet, random, or the path "
            "of a DeepLabCut snapshot, relative to the working directory"
        )
    config["prediction"].setdefault("distractor_radius", 2 * training["target_radius"] / training["scale"])
    if config["influence"].get("warm") and not config["keep_snapshots"]:
        raise UserError(
            "config: influence.warm takes finished networks further, but keep_snapshots: false keeps none; leave out "
            "one of them"
        )
    _check_blocks(config)
    _check_groups(config)
    from frameworth.arms import check_arms, check_prune  # which needs this module

    check_arms(config)
    check_prune(config)
    return config


def study_folder(config: dict[str, Any]) -> Path:
    """The folder of a study's results."""
    return Path("results") / config["study"]


def result_options(config: dict[str, Any]) -> dict[str, Any]:
    """What `frameworth.results.Results` takes of a checked config."""
    parts = {part: config[part] for part in ("influence", "figures")}
    return parts | {"consensus": config["prediction"]["consensus"]}


def warm_bases(config: dict[str, Any]) -> list[PlannedSubset]:
    """The subsets whose first networks are the base of warm influence: the first of those nearest to 50 %."""
    warm = config["influence"].get("warm")
    if not warm:
        return []
    return sorted(planned_subsets(config), key=lambda subset: abs(subset.percent - 50))[: warm["networks"]]


def weight_options(training: dict[str, Any]) -> dict[str, Any]:
    """What determines a network's weights, of the config's `training`."""
    return {key: value for key, value in training.items() if key not in ("device", "subsets_per_job")}


def planned_subsets(config: dict[str, Any]) -> list[PlannedSubset]:
    """All subsets of a checked config, block by block, percent by percent, seed by seed."""
    return [
        PlannedSubset(percent, seed, block["design"], members + (number < block["repeat"]))
        for block in config["subsets"]
        for percent, members in zip(block["percents"], _members(block), strict=True)
        for number, seed in enumerate(_seeds(block))
    ]


def _seeds(block: dict[str, Any]) -> list[int]:
    seeds = block["seeds"]
    return list(range(1, seeds + 1)) if isinstance(seeds, int) else seeds


def _members(block: dict[str, Any]) -> list[int]:
    members = block["members"]
    return [members] * len(block["percents"]) if isinstance(members, int) else members


def _check_blocks(config: dict[str, Any]) -> None:
    for number, block in enumerate(config["subsets"]):
        where = f"config: subsets[{number}]"
        if len(_members(block)) != len(block["percents"]):
            raise UserError(
                f"{where}.members: {len(_members(block))} numbers for {len(block['percents'])} percents; give one "
                "number, or one per percent"
            )
        if block["design"] == "paired":
            lonely = [percent for percent in block["percents"] if 100 - percent not in block["percents"]]
            if lonely:
                raise UserError(f"{where}.percents: paired needs {100 - lonely[0]} beside {lonely[0]}")
            if 50 in block["percents"] and any(_partner(seed) not in _seeds(block) for seed in _seeds(block)):
                raise UserError(f"{where}.seeds: paired at 50 % needs seeds 2m-1 and 2m together (an even number)")
    drawn: set[tuple[int, int]] = set()
    for subset in planned_subsets(config):
        if (subset.percent, subset.seed) in drawn:
            raise UserError(
                f"config: subsets: two blocks draw percent {subset.percent} with seed {subset.seed}; "
                "give one of them other seeds"
            )
        drawn.add((subset.percent, subset.seed))


def _partner(seed: int) -> int:
    return seed + 1 if seed % 2 else seed - 1


def _check_groups(config: dict[str, Any]) -> None:
    percents = {subset.percent for subset in planned_subsets(config)}
    for group in config["influence"]["groups"]:
        missing = [percent for percent in group if percent not in percents]
        if missing:
            raise UserError(f"config: influence.groups: {group} names {missing[0]} %, which no block of subsets draws")


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, dict) and "properties" in schema:
        filled = dict(value)
        for key, part in schema["properties"].items():
            if key not in filled and "default" in part:
                filled[key] = part["default"]
            if key in filled:
                filled[key] = _with_defaults(filled[key], part)
        return filled
    if isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        return {key: _with_defaults(each, schema["additionalProperties"]) for key, each in value.items()}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_with_defaults(item, schema["items"]) for item in value]
    return value


def _explain(error: jsonschema.ValidationError) -> Iterator[str]:
    where = _key(error.absolute_path)
    prefix = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in error.instance:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(known)}"
                yield f"unknown key {f'{where}.' if where else ''}{key}{hint}"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                about = error.schema["properties"][key].get("description", "")
                yield f"{prefix}the key {key} is missing ({about.rstrip('.')})"
    elif error.validator == "enum":
        yield f"{prefix}{error.instance!r} is not one of {', '.join(map(str, error.validator_value))}"
    elif error.validator in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        sign = {"minimum": "at least", "maximum": "at most"}.get(error.validator)
        sign = sign or ("above" if error.validator == "exclusiveMinimum" else "below")
        yield f"{prefix}{error.instance} must be {sign} {error.validator_value}"
    elif error.validator == "type":
        wanted = error.validator_value
        wanted = " or ".join(wanted) if isinstance(wanted, list) else wanted
        yield f"{prefix}{error.instance!r} must be of type {wanted}"
    elif error.validator == "oneOf":
        kinds = [kind.get("type", "") for kind in error.validator_value]
        yield f"{prefix}{error.instance!r} must be one of: {', '.join(kinds)}, within bounds"
    elif error.validator == "pattern":
        allowed = "letters, digits, '.', '_' and '-' only, and starts with a letter or digit"
        yield f"{prefix}{error.instance!r} may hold {allowed}"
    else:
        yield f"{prefix}{error.message}"


def _key(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
