"""`plan*.csv`, `plan.json`: how large a study must be to see an effect, with the present study as its pilot.

Everything is in log(1 + px), whichever score the study tests: an effect of 0.01 is about 1 % of the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from frameworth.answers.frame_values import LEAST_GROUP
from frameworth.answers.held_out import held_out_influence
from frameworth.attribution.inference import values
from frameworth.attribution.inference.components import components
from frameworth.attribution.inference.power import METHODS, Pilot, chance_of_any, networks_needed, noise_limits
from frameworth.config.training import Training
from frameworth.errors import UserError
from frameworth.plan.designs import subset_size
from frameworth.results.results import Results
from frameworth.storage.files import json_plain, write_json, write_tables
from frameworth.training.measured import measured_networks, network_seconds

LEAST_SUBSETS = 8  # of one percent; with fewer, the noise is not known
EFFECTS = (0.01, 0.02, 0.05, 0.1)  # log(1 + px): about 1, 2, 5 and 10 % of the error
NETWORKS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
POWER = 0.8
_ASSUMED_SHARE = 0.1  # of the pool: the group's assumed size if fewer than two frames are flagged
_COLUMNS = ["method", "effect", "networks", "power", "hours"]
_NEEDED = [*_COLUMNS[:3], "networks_low", "networks_high", *_COLUMNS[3:]]


class LargerStudy(NamedTuple):
    """The size that a larger study would need.

    Attributes:
        needed: a row per method and effect: the networks needed for `power`, with limits from the noise's uncertainty.
        power: a row per method, effect and number of networks. basis: the content of `plan.json`.
    """

    needed: pd.DataFrame
    power: pd.DataFrame
    basis: dict[str, Any]


def pilot_of(results: Results) -> Pilot:
    """The noise of the study's networks at its main percent, which most of its subsets have.

    Raises UserError if fewer than 8 subsets have it, or if the variance of their networks is not above 0.
    """
    subsets = results.subsets
    percent = results.main_percent
    networks = results.rmse[(results.rmse["kind"] == "network") & (results.rmse["percent"] == percent)]
    networks = networks.dropna(subset="mean_log_error")
    noise = components(networks["mean_log_error"].to_numpy(), networks["subset"].to_numpy())
    if noise.subsets < LEAST_SUBSETS or not noise.network > 0:
        raise UserError(
            f"{results.folder}: too few subsets of {percent} % ({noise.subsets}) to know the noise; a pilot needs "
            f"{LEAST_SUBSETS} of one percent"
        )
    table, pool = results.frame_values, int(results.pool.sum())
    flagged = int((table["verdict"] == "check label").sum())
    flagged = flagged if flagged >= LEAST_GROUP else 0
    known = np.isfinite(noise.member) and noise.member > 0
    score = results.held_out_score("log_error")
    slope = values.slope_at_main_size(score, *(subsets[name].to_numpy() for name in ("frames", "percent", "cluster")))
    return Pilot(
        pool=pool,
        group=flagged or max(LEAST_GROUP, round(_ASSUMED_SHARE * pool)),
        percent=percent,
        network_variance=noise.network,
        member_variance=noise.member if known else noise.network,
        member_known=known,
        value_variance=_value_variance(results),
        slope=float(np.nan_to_num(slope.per_frame)) if slope is not None else 0.0,
        freedom=noise.subsets - 1,
    )


def larger_study(
    results: Results, training: Training, effects: Sequence[float] = EFFECTS, power: float = POWER
) -> LargerStudy:
    """How many networks are needed to see effects of these sizes, with this study as the pilot.

    Args:
        training: the config's `training`. effects: log(1 + px) per frame, how much worse than average.

    Raises UserError as `pilot_of` does.
    """
    pilot = pilot_of(results)
    level = results.level
    hours = _hours(results, training, pilot)
    low, high = noise_limits(pilot, level)
    needed, curves = [], []
    for method, reached in METHODS.items():
        for effect in effects:
            here = {"method": method, "effect": effect}
            counts = [networks_needed(noise, method, effect, power, 1 - level) for noise in (pilot, low, high)]
            limits = dict(zip(("networks", "networks_low", "networks_high"), counts, strict=True))
            cost = counts[0] * hours if counts[0] else np.nan
            needed.append({**here, **limits, "power": power, "hours": cost})
            for networks in NETWORKS:
                chance = reached(pilot, effect, networks, 1 - level)
                curves.append({**here, "networks": networks, "power": chance, "hours": networks * hours})
    return LargerStudy(
        pd.DataFrame(needed, columns=_NEEDED), pd.DataFrame(curves, columns=_COLUMNS), _basis(results, pilot, hours)
    )


def write_plan(results: Results, training: Training) -> str:
    """Write `plan.csv`, `plan_power.csv` and `plan.json`.

    If the study is too small for a pilot, the tables have no rows; the reason is in `missing` and is returned.
    """
    try:
        larger = larger_study(results, training)
    except UserError as error:
        larger = LargerStudy(pd.DataFrame(columns=_NEEDED), pd.DataFrame(columns=_COLUMNS), {"missing": str(error)})
    write_tables(results.folder / "plan", {"needed": larger.needed, "power": larger.power})
    write_json(results.folder / "plan.json", larger.basis)
    return larger.basis.get("missing", "")


def _basis(results: Results, pilot: Pilot, hours: float) -> dict[str, Any]:
    percents = sorted({int(percent) for percent in results.subsets["percent"]})
    return json_plain(
        {
            "pool": pilot.pool,
            "group": pilot.group,
            "flagged": int((results.frame_values["verdict"] == "check label").sum()),
            "percent": pilot.percent,
            "network_deviation": np.sqrt(pilot.network_variance),
            "member_deviation": np.sqrt(pilot.member_variance) if pilot.member_known else None,
            "value_deviation": np.sqrt(pilot.value_variance),
            "change_per_frame": pilot.slope,
            "hours_per_network": hours,
            "chance_of_any": {
                percent: chance_of_any(pilot.pool, pilot.group, subset_size(percent, pilot.pool))
                for percent in percents
            },
        }
    )


def kind_of_group(basis: dict[str, Any]) -> str:
    """What the group of `plan.json` is, in words; a single flagged frame is not a group."""
    return "flagged" if basis["flagged"] == basis["group"] else "assumed, as fewer than two frames are flagged"


def _hours(results: Results, training: Training, pilot: Pilot) -> float:
    """Hours to train one network, from the speed of the finished networks; NaN if it is unknown."""
    measured = measured_networks(results.folder, training)
    if measured is None:
        return float("nan")
    trained_on = subset_size(pilot.percent, pilot.pool)
    return network_seconds(training, trained_on, len(results.frames), measured.step) / 3600


def _value_variance(results: Results) -> float:
    """Variance of the true values of unflagged frames: that of unshrunken estimates less their mean squared error."""
    influence = held_out_influence(results, "log_error", "size-centred", resamples=1)  # with one redraw none is decided
    table = results.frame_values
    frames = table.loc[table["verdict"] != "check label", "frame"]
    value, error = influence.tested_value[frames, 0], influence.standard_error[frames, 0]
    known = np.isfinite(error)
    if known.sum() < 3:
        return 0.0
    return max(0.0, float(value[known].var(ddof=1) - (error[known] ** 2).mean()))


def plan_lines(larger: LargerStudy, device: str) -> list[str]:
    """The plan as lines of text for a terminal."""
    basis, chance = larger.basis, larger.needed["power"].iloc[0]
    kind = kind_of_group(basis)
    lines = [
        f"A network's score on a new subset of {basis['percent']} % deviates by {basis['network_deviation']:.4f} "
        f"log(1 + px); pool of {basis['pool']} frames, group of {basis['group']} ({kind}).",
        f"Networks to see an effect with a chance of {100 * chance:g} % (limits by the noise's own uncertainty):",
        "",
        f"  {'effect, log(1 + px) per frame':<32}{'networks':>10}  {'limits':<20}{device + '-hours':>10}",
    ]
    for method, rows in larger.needed.groupby("method", sort=False):
        lines.append(f"  {method}")
        for row in rows.itertuples():
            limits = f"{_count(row.networks_low)} to {_count(row.networks_high)}"
            hours = f"{row.hours:,.2g}" if np.isfinite(row.hours) else "unknown"
            lines.append(f"    {row.effect:<30g}{_count(row.networks):>10}  {limits:<20}{hours:>10}")
    if basis["member_deviation"] is None:
        lines.append(
            "\nNo subset of this size was trained twice (`repeat`), so the toggle's noise is taken as all there is: it "
            "needs at most so many."
        )
    shares = basis["chance_of_any"].items()
    return [*lines, "", *(f"Chance that {percent} % hold any of the group: {chance:.3g}" for percent, chance in shares)]


def _count(networks: float | None) -> str:
    return "more than 1e6" if networks is None or np.isnan(networks) else f"{networks:,.0f}"
