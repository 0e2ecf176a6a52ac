"""The arms of a study: which there are, what each trains, and on which subsets. Config in, plans out.

An arm is a named variant of training. It shares subsets and seeds with the baseline, so that differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from frameworth.errors import UserError
from frameworth.plan.grid import PlannedSubset, planned_subsets

BASELINE = "baseline"


@dataclass(frozen=True)
class MemberSeeds:
    """Which member of the baseline a network takes its initial weights, data order and augmentation from."""

    weights: int
    order: int
    augmentation: int


def arm_names(config: dict[str, Any]) -> list[str]:
    """The arms of a checked config besides the baseline, in its order."""
    return [name for name in config.get("arms", {}) if name != BASELINE]


def arm_subsets(config: dict[str, Any], arm: str) -> list[PlannedSubset]:
    """The subsets that an arm trains, with as many members as it has on each."""
    options = config["arms"][arm]
    by_place = {(subset.percent, subset.seed): subset for subset in planned_subsets(config)}
    chosen = []
    for subset in by_place.values():
        start = by_place.get((options["start_from"]["percent"], subset.seed)) if "start_from" in options else None
        if "start_from" in options and (
            start is None or start.percent >= subset.percent or start.design != subset.design
        ):
            continue
        if subset.percent not in options.get("percents", [subset.percent]):
            continue
        if subset.seed not in options.get("seeds", [subset.seed]):
            continue
        members = min(subset.members, options.get("members", subset.members))
        if start is not None:
            members = min(members, start.members)
        if "replicate" in options:
            members = len(member_seeds(options, members))
        chosen.append(replace(subset, members=members))
    return chosen


def member_seeds(options: dict[str, Any], members: int) -> list[MemberSeeds]:
    """Where each member of an arm takes its seeds from: all three from the baseline's, or all combinations."""
    if "replicate" in options:
        counts = (options["replicate"][name] for name in ("weights", "orders", "augmentations"))
        return [MemberSeeds(*numbers) for numbers in product(*map(range, counts))]
    return [MemberSeeds(member, member, member) for member in range(members)]


def check_arms(config: dict[str, Any]) -> None:
    """Raise UserError for arms that cannot be trained as the config has them."""
    for arm in config.get("arms", {}):
        where, options = f"config: arms.{arm}", config["arms"][arm]
        if arm == BASELINE:
            if options:
                raise UserError(f"{where}: the baseline is the study as it is; give its changes to another arm")
            continue
        kinds = [kind for kind in ("augment", "curriculum", "replicate", "start_from", "pseudo") if kind in options]
        if len(kinds) != 1:
            what = f"changes {' and '.join(kinds)} at once" if kinds else "changes nothing"
            raise UserError(f"{where}: {what}; an arm has one of augment, curriculum, replicate, start_from, pseudo")
        engine = config["training"]["engine"]
        # DeepLabCut's own loop takes no steps that could differ; patches are drawn by the fast engine alone.
        if (engine == "stock" and kinds != ["pseudo"]) or (engine != "fast" and kinds == ["augment"]):
            raise UserError(f"{where}: {kinds[0]} needs training.engine: fast")
        if "replicate" in options and "members" in options:
            raise UserError(f"{where}.members: the members of an arm with replicate are its combinations; leave it out")
        if "start_from" in options and not config["keep_snapshots"]:
            raise UserError(
                f"{where}.start_from takes finished networks further, but keep_snapshots: false keeps none; leave out "
                "one of them"
            )
        _check_grid(config, arm, where)


def check_prune(config: dict[str, Any]) -> None:
    """Raise UserError if the study's own networks have the seeds that `prune` compares by."""
    prune = config.get("prune")
    if not prune:
        return
    taken = [s.seed for s in planned_subsets(config) if s.percent == 100 and s.seed <= prune["networks"]]
    if taken:
        raise UserError(
            f"config: prune: its networks have the seeds 1 to {prune['networks']} at 100 %, and subsets draws seed "
            f"{taken[0]} there, which the ranking would then rest on; give that block other seeds"
        )
    method = prune["by"].removesuffix("_value")
    if method != prune["by"] and not config["influence"].get(method):
        raise UserError(f"config: prune.by: {prune['by']} needs influence.{method}; add it or rank by check_priority")


def _check_grid(config: dict[str, Any], arm: str, where: str) -> None:
    options, planned = config["arms"][arm], planned_subsets(config)
    for key, known in (("percents", {s.percent for s in planned}), ("seeds", {s.seed for s in planned})):
        unknown = sorted(set(options.get(key, [])) - known)
        if unknown:
            raise UserError(f"{where}.{key}: no block of subsets draws {unknown[0]}; an arm trains the study's subsets")
    percent = options.get("start_from", {}).get("percent")
    if percent is not None and percent not in {subset.percent for subset in planned}:
        raise UserError(f"{where}.start_from.percent: no block of subsets draws {percent} %")
    chosen = arm_subsets(config, arm)
    if not chosen:
        needs = f" with a smaller one of {percent} %, the same seed and design" if percent is not None else ""
        raise UserError(f"{where}: the study has no subset of these percents and seeds{needs}")
    empty = sorted(set(options.get("percents", [])) - {subset.percent for subset in chosen})
    if empty:
        raise UserError(f"{where}.percents: nothing can be trained at {empty[0]} %; take it out")
