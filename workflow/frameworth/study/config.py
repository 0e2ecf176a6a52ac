"""The config of a study: checked against the schema, with defaults filled in, and expanded to the grid."""

from __future__ import annotations

import difflib
import json
import math
import reprlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import jsonschema
import yaml

from frameworth.errors import (
    Problem,
    RefusedError,
    UserError,
    commands_a_terminal,
    error,
    problem_of,
    refuse_errors,
    warning,
)
from frameworth.estimators import estimator_names
from frameworth.study.meant import as_meant, kinds_of
from frameworth.study.subset_names import subset_name

_SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"
DEFAULT_STEPS = 20000
MOST_ROWS = 10000  # of a balanced design, whose rows are drawn one after the other
_OF_SIZE = ("scale", "crop", "target_radius")  # of `training`, what a choice of a pilot gives
_MOST_VALUES = 200_000  # more than the largest grid that the schema allows to list


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
    """Read and check a study's YAML; raises RefusedError naming the keys or the file, what is wrong and what to do."""
    try:
        text = file.read()
    except UnicodeDecodeError as problem:
        raise RefusedError([encoding_problem(file.name, problem)]) from None
    given, problems = parse_config(text, file.name)
    refuse_errors(problems)
    return check_config(given)


def config_schema() -> dict[str, Any]:
    """The JSON schema of a config, with the estimators that there are."""
    schema = yaml.safe_load(_SCHEMA.read_text())
    schema["properties"]["influence"]["properties"]["estimator"]["enum"] = estimator_names()
    return schema


def encoding_problem(name: str, problem: UnicodeDecodeError) -> Problem:
    """That a config file is in another encoding."""
    return error(name, f"cannot be read, as it is not UTF-8 ({problem})", "save it as UTF-8 in the editor")


def parse_config(text: str, name: str) -> tuple[dict[str, Any], list[Problem]]:
    """The keys of a config's YAML, and what is wrong with it as a file; nothing in it is run.

    Args:
        name: the file's, for messages.
    """
    try:
        loader = _UniqueKeys(text)
        given = loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as problem:
        return {}, [error(name, f"not valid YAML ({' '.join(str(problem).split())})", "mend it")]
    if not isinstance(given, dict):
        return {}, [error(name, "a config is a mapping", "give keys such as study and labels")]
    problems = [error(name, f"gives the key {key} twice", "keep one of them") for key in loader.repeated]
    if "__use_yte__" in given:
        todo = "write out the keys it would make: Snakemake runs such code while it reads the file, before any check"
        problems.append(error(name, "asks for template code (__use_yte__)", todo))
        given = {key: value for key, value in given.items() if not str(key).startswith("__")}
    return given, problems


def check_config(given: dict[str, Any]) -> dict[str, Any]:
    """The config with defaults filled in; raises RefusedError with every problem, a line each."""
    config, problems = inspect_config(given)
    refuse_errors(problems)
    assert config is not None
    return config


def inspect_config(given: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The config with defaults filled in, and what is wrong with it; None if it does not even fit the schema."""
    if _is_vast(given):
        what = f"holds more than {_MOST_VALUES} values, or one that holds itself"
        return None, [error("config", what, "write out what is meant, without YAML's aliases")]
    schema = config_schema()
    given = as_meant(given, schema)
    validator = jsonschema.Draft202012Validator(schema)
    problems = [problem for found in validator.iter_errors(given) for problem in _explain(found)]
    problems += _not_finite(given, ())
    if problems:
        return None, list(dict.fromkeys(problems))
    config = _with_defaults(given, schema)
    training = config["training"]
    found: list[Problem] = []
    if "pilot" in config:
        found += _leave_to_pilot(config, given.get("training", {}))
    elif "epochs" not in training:
        training.setdefault("steps", DEFAULT_STEPS)
    sizes = config["pilot"]["choices"] if "pilot" in config else [training]
    smallest = min(sizes, key=lambda size: size["scale"])
    config["prediction"].setdefault("distractor_radius", 2 * smallest["target_radius"] / smallest["scale"])
    found += [*_training_problems(training), *_block_problems(config), *_group_problems(config)]
    if "steps" in given.get("training", {}) and "epochs" in training:
        found.append(
            error("config: training.steps", "training.steps and training.epochs exclude each other", "keep one")
        )
    if config["influence"].get("warm") and not config["keep_snapshots"]:
        what = "takes finished networks further, but keep_snapshots: false keeps none"
        found.append(error("config: influence.warm", what, "leave out one of them"))
    if not any(problem.where.startswith("config: subsets[") for problem in found):
        found += _video_problems(config)
    low, high = config.get("plant", {}).get("moved_by", (0, 0))
    if low > high:
        what = f"the least distance {low} is above the largest {high}"
        found.append(error("config: plant.moved_by", what, "exchange them"))
    for key, other in (("demo", config["labels"] != "demo"), ("plant", config["labels"] == "demo")):
        if key in given and other:
            what = f"does nothing with labels: {config['labels']}"
            found.append(warning(f"config: {key}", what, "leave it out, or see that labels is what you mean"))
    from frameworth.experiments.arms import check_arms, check_prune  # which needs this module

    for check in (check_arms, check_prune):
        try:
            check(config)
        except UserError as refused:
            found.append(problem_of(refused))
    return config, found


def study_folder(config: dict[str, Any]) -> Path:
    """The folder of a study's results."""
    return Path("results") / config["study"]


def result_options(config: dict[str, Any]) -> dict[str, Any]:
    """What `frameworth.study.results.Results` takes of a checked config."""
    parts = {part: config[part] for part in ("influence", "figures")}
    return parts | {"consensus": config["prediction"]["consensus"]}


def warm_bases(config: dict[str, Any]) -> list[PlannedSubset]:
    """The subsets whose first networks are the base of warm influence: the first of those nearest to 50 %."""
    warm = config["influence"].get("warm")
    if not warm:
        return []
    return nearest_to_half(config)[: warm["networks"]]


def nearest_to_half(config: dict[str, Any]) -> list[PlannedSubset]:
    """All subsets, those nearest to half of the pool first, else in the config's order."""
    return sorted(planned_subsets(config), key=lambda subset: abs(subset.percent - 50))


def video_networks(config: dict[str, Any]) -> list[tuple[PlannedSubset, int]]:
    """The networks that look at videos, as (subset, member), the members of one subset beside each other.

    Those of the largest percent; where they are more than `video.networks`, a first of each subset before a second.
    """
    subsets = planned_subsets(config)
    largest = [subset for subset in subsets if subset.percent == max(each.percent for each in subsets)]
    grid = [(member, place) for place, subset in enumerate(largest) for member in range(subset.members)]
    chosen = sorted(grid)[: config["video"]["networks"]]
    return [(largest[place], member) for place, member in sorted((place, member) for member, place in chosen)]


def weight_options(training: dict[str, Any]) -> dict[str, Any]:
    """What determines a network's weights, of the config's `training`."""
    return {key: value for key, value in training.items() if key not in ("device", "subsets_per_job")}


def needs_one_size(training: dict[str, Any]) -> bool:
    """Whether frames of several sizes cannot share a batch: without crops, where DeepLabCut's own transforms run."""
    own = any(training["augmentation"].get(name) for name in ("hist_eq", "covering", "elastic_transform"))
    return training["crop"] is None and (own or training["engine"] == "stock")


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


def _leave_to_pilot(config: dict[str, Any], given: dict[str, Any]) -> Iterator[Problem]:
    """Move what the pilot chooses from `training` to its choices, each of which is completed.

    Without anything left to choose the config is as one without a pilot.

    Args:
        given: the config's `training` as it was given; what it gives is not chosen.
    """
    pilot, training = config["pilot"], config["training"]
    size = {key: training.pop(key) for key in _OF_SIZE}
    fixed = {key: value for key, value in size.items() if key in given}
    choices = [size] if "scale" in given else [size | choice | fixed for choice in pilot["choices"]]
    pilot["choices"] = [choice for place, choice in enumerate(choices) if choice not in choices[:place]]
    if "epochs" in training:
        what = "training.epochs and pilot exclude each other, as a pilot counts in steps"
        yield error("config: training.epochs", what, "leave out one of them")
    if pilot["most_steps"] < pilot["steps"]:
        what = f"{pilot['most_steps']} is below pilot.steps, {pilot['steps']}"
        yield error("config: pilot.most_steps", what, "raise it")
    if "steps" in training and len(pilot["choices"]) == 1:
        training |= config.pop("pilot")["choices"][0]
        what = "does nothing, as training gives the steps and only one size is left"
        yield warning("config: pilot", what, "leave it out, or leave out training.steps or training.scale")


def _training_problems(training: dict[str, Any]) -> Iterator[Problem]:
    try:
        no_file = training["weights"] not in ("imagenet", "random") and not Path(training["weights"]).is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        no_file = True
    if no_file:
        todo = "give imagenet, random, or the path of a DeepLabCut snapshot, relative to the working directory"
        yield error("config: training.weights", f"there is no file {training['weights']!r}", todo)
    at = [fraction for fraction, _ in training["drops"]]
    if at != sorted(at):
        yield error("config: training.drops", f"the fractions {at} go backwards", "order the drops by their fractions")
    low, high = (training["augmentation"].get("affine") or {}).get("scaling", (1, 1))
    if low > high:
        what = f"the smallest factor {low} is above the largest {high}"
        yield error("config: training.augmentation.affine.scaling", what, "exchange them")


def _block_problems(config: dict[str, Any]) -> Iterator[Problem]:
    for number, block in enumerate(config["subsets"]):
        where = f"config: subsets[{number}]"
        if len(_members(block)) != len(block["percents"]):
            what = f"{len(_members(block))} numbers for {len(block['percents'])} percents"
            yield error(f"{where}.members", what, "give one number, or one per percent")
        if block["design"] == "paired":
            lonely = [percent for percent in block["percents"] if 100 - percent not in block["percents"]]
            if lonely:
                what = f"paired needs {100 - lonely[0]} beside {lonely[0]}"
                yield error(f"{where}.percents", what, "add it, or take another design")
            if 50 in block["percents"] and any(_partner(seed) not in _seeds(block) for seed in _seeds(block)):
                what = "paired at 50 % needs seeds 2m-1 and 2m together"
                yield error(f"{where}.seeds", what, "give an even number of seeds")
        if block["design"] == "balanced" and max(_seeds(block)) > MOST_ROWS:
            what = f"a balanced subset of seed {max(_seeds(block))} needs all those before it drawn"
            yield error(f"{where}.seeds", what, f"take seeds up to {MOST_ROWS}")
    if any(len(_members(block)) != len(block["percents"]) for block in config["subsets"]):
        return
    drawn: set[tuple[int, int]] = set()
    for subset in planned_subsets(config):
        if (subset.percent, subset.seed) in drawn:
            what = f"two blocks draw percent {subset.percent} with seed {subset.seed}"
            yield error("config: subsets", what, "give one of them other seeds")
            break
        drawn.add((subset.percent, subset.seed))


def _partner(seed: int) -> int:
    return seed + 1 if seed % 2 else seed - 1


def _group_problems(config: dict[str, Any]) -> Iterator[Problem]:
    percents = {percent for block in config["subsets"] for percent in block["percents"]}
    for group in config["influence"]["groups"]:
        missing = [percent for percent in group if percent not in percents]
        if missing:
            what = f"{group} names {missing[0]} %, which no block of subsets draws"
            yield error("config: influence.groups", what, "draw it, or leave it out of the group")


def _is_vast(value: Any) -> bool:
    """Whether `value` holds too many values to look at: aliases can make billions of a few lines of YAML."""
    waiting, count = [value], 0
    while waiting and count <= _MOST_VALUES:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
    return count > _MOST_VALUES


def _not_finite(value: Any, path: tuple[Any, ...]) -> Iterator[Problem]:
    """YAML knows .nan and .inf, which no bound of the schema refuses."""
    if isinstance(value, float) and not math.isfinite(value):
        yield error(f"config: {_key(path)}", f"{value} is no finite number", "give a number")
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(item, (*path, key))


def _video_problems(config: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[Path, str] = {}
    for number, video in enumerate(config["videos"]):
        where, path = f"config: videos[{number}]", Path(video)
        same = seen.setdefault(path.resolve(), video)
        if set(video) & set("{}\n"):
            yield error(where, f"{video!r} holds a brace or line break, which Snakemake misreads", "rename the file")
        elif commands_a_terminal(video):
            yield error(where, f"{video!r} holds a control character, which a terminal obeys", "rename the file")
        elif not path.is_file():
            yield error(where, f"there is no file {video!r}", "give a path relative to the working directory")
        elif not path.stat().st_size:
            yield error(where, f"{video!r} is empty", "copy it again, or leave it out")
        elif same is not video:
            yield error(where, f"{video!r} is the same file as {same!r}", "keep one of them")
    if not config["videos"]:
        return
    if not config["keep_snapshots"]:
        what = "are analysed with the trained networks, but keep_snapshots: false keeps none"
        yield error("config: videos", what, "leave out one of them")
    networks = video_networks(config)
    if len({subset.name for subset, _ in networks}) < 2:
        largest = networks[0][0].percent
        what = f"only one subset has the largest percent ({largest}), so that no two ensembles can disagree"
        yield error("config: videos", what, "give its block another seed")


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


def _explain(found: jsonschema.ValidationError) -> Iterator[Problem]:
    """What the schema refuses, in words; values are shown shortened."""
    key = _key(found.absolute_path)
    where, value = f"config: {key}" if key else "config", reprlib.repr(found.instance)
    wanted = found.validator_value
    if found.validator == "additionalProperties":
        known = list(found.schema["properties"])
        for name in found.instance:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
                yield error("config", f"unknown key {f'{key}.' if key else ''}{name}", hint)
    elif found.validator == "required":
        for name in wanted:
            if name not in found.instance:
                about = found.schema["properties"][name].get("description", "").rstrip(".")
                yield error(where, f"the key {name} is missing ({about})", "add it")
    elif found.validator == "enum":
        yield error(where, f"{value} is not one of {', '.join(map(str, wanted))}", "take one of them")
    elif found.validator in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        sign = {"minimum": "at least", "maximum": "at most"}.get(found.validator)
        sign = sign or ("above" if found.validator == "exclusiveMinimum" else "below")
        yield error(where, f"{value} must be {sign} {wanted}", "change it")
    elif found.validator == "type":
        name = key.rpartition(".")[2]
        yield error(where, *_of_other_type(name, found.instance, found.schema))
    elif found.validator == "oneOf":
        bounds = [_bounds(kind) for kind in wanted]
        yield error(where, f"{value} must be {' or '.join(bounds)}", "change it")
    elif found.validator == "pattern":
        what = f"{value} may hold letters, digits, '.', '_' and '-' only, up to 80, and starts with a letter or digit"
        yield error(where, what, "give it such a name")
    elif found.validator in ("minItems", "maxItems", "minLength"):
        sign = "at most" if found.validator == "maxItems" else "at least"
        yield error(where, f"{value} must hold {sign} {wanted}", "change it")
    elif found.validator == "uniqueItems":
        yield error(where, f"{value} names something twice", "keep one of each")
    else:
        yield error(where, f"{value} is not allowed ({found.validator})", "see config/README.md")


def _of_other_type(name: str, value: Any, schema: dict[str, Any]) -> tuple[str, str]:
    """What is wrong with a value of another type than the schema's, and what to write; `name` is its key's."""
    kinds, shown = kinds_of(schema), reprlib.repr(value)
    if "object" in kinds:
        parts = schema.get("properties", {})
        if value is None:
            write = (
                f"keys below it ({', '.join(parts)})" if schema.get("required") else f"{name}: {{}} for the defaults"
            )
            return "is empty", f"write {write}, or leave it out"
        fitting = [key for key, part in parts.items() if jsonschema.Draft202012Validator(part).is_valid(value)]
        todo = f"write {name}: {{{fitting[0]}: {json.dumps(value)}}}" if fitting else f"give keys: {', '.join(parts)}"
        return f"{shown} stands where keys and their values are meant", todo
    if value is None:
        return "is empty", "write a value, or leave it out"
    if "array" in kinds:
        return f"{shown} stands where a list is meant", f"write lists within the list, such as [[{shown}, ...]]"
    if kinds == {"string"}:
        return f"{shown} is no text to YAML", "write it in quotes"
    return f"{shown} must be of type {' or '.join(sorted(kinds))}", "change it"


def _bounds(kind: dict[str, Any]) -> str:
    """A kind of value in words, as the schema bounds it."""
    bounds = [f"{word} {kind[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in kind]
    items = f" of {_bounds(kind['items'])}" if "items" in kind else ""
    return " ".join([f"{kind.get('type', 'value')}{items}", *bounds])


def _key(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


class _UniqueKeys(yaml.SafeLoader):
    """Remembers keys that a mapping gives twice: YAML would silently take the last."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<")
        self.repeated += [name for name, count in counts.items() if count > 1 and name not in self.repeated]
        return super().construct_mapping(node, deep)
