"""The tables and curves of the page, with numbers in readable form."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from frameworth.attribution.methods.base import Method
from frameworth.config.model import StudyConfig
from frameworth.results.loading import VALUE_UNITS
from frameworth.results.results import Results
from frameworth.storage.files import digest_of_json
from frameworth.storage.hdf5 import read_attributes
from frameworth.text import readable

_TINY = 1e-3
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def sizes(results: Results) -> list[dict[str, str]]:
    """A row for each percent: frames, designs, seeds, networks, and RMSE (px) on the held-out frames."""
    rows = []
    for percent, subsets in results.subsets.groupby("percent"):
        networks, joint = (
            rmse.loc[rmse["percent"] == percent, "rmse_px"] for rmse in (results.networks, results.consensus_rmse)
        )
        rows.append(
            {
                "percent": f"{percent} %",
                "frames": str(subsets["frames"].iloc[0]),
                "designs": ", ".join(subsets["design"].unique()),
                "seeds": _seeds(subsets["seed"].to_numpy()),
                "networks": str(len(networks)),
                "rmse": cell(float(networks.mean())),
                "range": " to ".join(cell(float(end)) for end in (networks.min(), networks.max()) if np.isfinite(end)),
                "consensus": cell(float(joint.mean())),
            }
        )
    return rows


def readable_columns(table: pd.DataFrame, methods: Sequence[Method[Any]]) -> tuple[pd.DataFrame, dict[str, str]]:
    """`frame_values.csv` and units of its columns; tiny values of a method are given in thousandths, millionths…"""
    units = dict(VALUE_UNITS)
    for chosen in methods:
        largest = table[chosen.value_column].abs().max()
        if 0 < largest < _TINY:
            power = 3 * int(np.floor(np.log10(largest) / 3))
            for column in (chosen.value_column, chosen.error_column):
                table = table.assign(**{column: table[column] / 10.0**power})
                units[column] = f"× 10{str(power).translate(_SUPERSCRIPT)}"
    return table, units


def trust_sentence(validation: pd.DataFrame, estimator: str, alpha: float) -> str:
    """A sentence from `validation.csv`: do values predict other subsets beyond chance? Empty if not tested."""
    asked = validation[(validation["quantity"] == "lds") & (validation["method"] == estimator)].dropna(subset="p")
    if asked.empty:
        return ""
    row = asked.iloc[0]
    verb = "predict" if row["p"] < alpha else "are not shown to predict"
    return (
        f"The frames’ values {verb} which other subsets do well: the rank correlation is {readable(row['value'], '+')} "
        f"(one-sided p = {readable(row['p'])}), where chance gives {readable(row['chance_low'], '+')} to "
        f"{readable(row['chance_high'], '+')}."
    )


def _seeds(seeds: np.ndarray) -> str:
    """Seeds in words: `1 to 40`, or a list if they are not consecutive."""
    known = np.unique(seeds)
    if len(known) > 2 and len(known) == known[-1] - known[0] + 1:
        return f"{known[0]} to {known[-1]}"
    return ", ".join(map(str, known))


def provenance(results: Results, config: StudyConfig) -> dict[str, Any]:
    """The versions of software in the study's files, the digests of files and config, and the page's own version."""
    attributes = {name: read_attributes(results.folder / name) for name in ("scores.h5", "influence.h5")}
    versions = {
        key: text for key, text in attributes["influence.h5"].items() if key not in ("digest", "sign", "consensus_form")
    }
    hashes = {f"digest of {name}": of_file["digest"] for name, of_file in attributes.items()}
    return {
        "versions": versions | {"plotly (this page)": metadata.version("plotly")},
        "hashes": {"SHA-256 of the config": digest_of_json(config.model_dump())} | hashes,
    }


def facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers that the summary has, with their names in words."""
    names = {
        "networks": "networks trained",
        "frames": "labelled frames",
        "pool": "of them in the pool",
        "held_out": "held out",
        "not_trained_on_median_px": "median error (px) at labels not trained on",
        "trained_on_median_px": "median error (px) at labels trained on",
        "constant_guess_median_px": "median error (px) of guessing each keypoint's mean position",
        "constant_guess_rmse_px": "RMSE (px) of guessing each keypoint's mean position",
        "planted": "label errors planted",
        "labels_flagged": "frames whose labels are flagged",
        "labels_flagged_held_out": "of them held out",
        "auroc_suspicion": "AUROC of label suspicion for the planted frames",
        "auroc_out_of_bag": "AUROC of out-of-bag error for the planted frames",
        "auroc_value": "AUROC of value for the planted frames",
        "group_difference": f"value of the {summary.get('group_name') or 'flagged'} frames less that of the others, "
        f"{summary.get('score_unit')}",
        "group_difference_px": "the same in px",
        "group_test_p": f"p of the test that the {summary.get('group_name') or 'flagged'} frames are worse",
        "group_test_p_px": "p of the same test in px",
        "networks_to_decide_top": "networks more to decide frames of the highest values (a million at most)",
        "score": "score of the values",
        "estimator": "estimator",
    }
    facts = [(words, cell(summary[key])) for key, words in names.items() if summary.get(key) is not None]
    for percent, rmse in (summary.get("network_rmse_px") or {}).items():
        facts.append((f"mean RMSE of single networks on held-out frames at {percent} %", f"{cell(rmse)} px"))
    for percent, rmse in (summary.get("held_out_rmse_px") or {}).items():
        facts.append((f"consensus RMSE on held-out frames at {percent} %", f"{cell(rmse)} px"))
    for verdict, count in (summary.get("verdicts") or {}).items():
        facts.append((f"frames with the verdict '{verdict}'", cell(count)))
    return facts


def cell(value: Any) -> str:
    """A number in readable form; empty for None and NaN; anything else as text."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    return readable(value) if isinstance(value, float) else str(value)
