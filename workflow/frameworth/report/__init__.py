"""`report.html`: one page that opens offline, with the answer in words, the ranked frames, and what each does to which.

Every array and image is inside the page. What does not fit into its budgets is left out, and the page says so.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from frameworth.answers.answer import half_and_twice
from frameworth.answers.closing import answer, in_numbers, notes
from frameworth.answers.frame_values import CHECK_FIRST
from frameworth.attribution.label_checks import study_suspects
from frameworth.attribution.methods import method, method_names
from frameworth.attribution.methods.base import Method
from frameworth.colours import keypoint_colours
from frameworth.config.model import StudyConfig
from frameworth.errors import UserError
from frameworth.figures import figure_module, figure_names
from frameworth.report.detections import detections
from frameworth.report.drawing import drawing
from frameworth.report.gallery import ranked_frames
from frameworth.report.learning_picture import learning_picture
from frameworth.report.matrix import matrix
from frameworth.report.packing import Packed, json_in_page, packed
from frameworth.report.pictures import Pictures, pictures
from frameworth.results.results import Results
from frameworth.storage.digests import whole
from frameworth.storage.files import digest_of_json, write_text
from frameworth.storage.hdf5 import read_attributes
from frameworth.text import readable

_FOLDER = Path(__file__).resolve().parent
_CAPTIONS = _FOLDER.parent.parent / "report"
# Bytes of base64 in the page. The static figures have what is left of `page` when all the rest is in.
BUDGETS = {"page": 38_000_000, "pictures": 9_000_000, "matrix": 17_000_000, "detections": 4_000_000}
_MOST_ROWS = 1000  # of the table; the gallery has all frames
# What a reader asks first comes first; figures not named here follow in the order of their names.
_ORDER = ("labels_to_check", "learning_curve", "frame_values", "influence_pair", "influence_bias")
_TINY = 1e-3
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS = {
    "out_of_bag_error": "px",
    "memorization": "px",
    "value_px": "px",
}


def write_report(results: Results, path: Path, config: StudyConfig) -> None:
    """Write the page to `path`, with the figures of `results.folder/figures` and the whole config inside.

    Raises UserError if a figure, an image or an artefact of the study is missing or damaged.
    """
    rank = results.label_checks.set_index("frame")["rank"]
    table = results.frame_values.drop(columns="check_priority").sort_values("frame", key=rank.get)
    table, units = readable_columns(table, results.asked_methods)
    pool = table["frame"].tolist()
    consensus = study_suspects(results).place
    ranked = ranked_frames(results)
    images = pictures(results.labels.paths, results.label_checks["frame"].tolist(), BUDGETS["pictures"])
    colours = keypoint_colours(len(results.labels.keypoints))
    influences = matrix(results, pool, BUDGETS["matrix"])
    detected = detections(results, BUDGETS["detections"])
    labels = packed("labels", results.labels.xy.astype(np.float32))
    arrays: list[Packed] = [
        labels,
        packed("out_of_bag_consensus", consensus.astype(np.float32)),
        packed("inclusion", results.inclusion.astype(np.uint8)),
        *detected.arrays,
        *influences.arrays,
    ]
    data = {
        "keypoints": results.labels.keypoints,
        "colours": colours,
        "skeleton": results.labels.skeleton,
        "frames": _about_frames(results),
        "labels_digest": digest_of_json([results.folder.name, *results.frames["image"].astype(str), labels.text]),
        "ranked": ranked,
        "methods": {method(name).value_column: method(name).title for name in method_names()},
        "unit": results.unit,
        "arrays": {array.name: array.about for array in arrays},
        "matrix": influences.data,
        **detected.data,
        "learning": _learning(results),
    }
    plotly, script_data = get_plotlyjs(), json_in_page(data)
    script = (_FOLDER / "page.js").read_text().replace("// {{ mend.js }}", (_FOLDER / "mend.js").read_text())
    rest = [plotly, script_data, *images.jpegs, *(array.text for array in arrays)]
    figures, unfit = _figures(results, BUDGETS["page"] - sum(map(len, rest)))
    left_out = [f"{images.left_out:,} of {len(images.jpegs):,} frames have no picture"] if images.left_out else []
    left_out += [*influences.left_out, *detected.left_out]
    left_out += [f"the figure {name} is in the figures folder only" for name in unfit]
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            study=results.folder.name,
            css=Markup((_FOLDER / "page.css").read_text()),
            script=Markup(script),
            plotly=Markup(plotly),
            data=script_data,
            arrays=arrays,
            images=images.jpegs,
            statement=answer(results.folder, config, results.summary),
            notes=notes(results.folder, config, results.summary),
            in_numbers=in_numbers(results.folder, config, results.learning.learned),
            learned=results.learning.learned,
            facts=_facts(results.summary),
            expected_false=f"{config.flags.expected_false:g}",
            any_flagged=bool(results.label_checks["flagged"].any()),
            check_first=_check_first(results, ranked, images, consensus, colours),
            keypoints=list(zip(results.labels.keypoints, colours, strict=True)),
            changes=half_and_twice(results.summary["further_frames"]) if results.summary["further_frames"] else [],
            curve=learning_picture(results.add_curve, int(results.pool.sum())) if results.learning.learned else None,
            left_out=left_out,
            figures=figures,
            columns=[(name, units.get(name, "")) for name in table.columns],
            rows=table.head(_MOST_ROWS).map(_cell).to_numpy().tolist(),
            rows_in_all=len(table),
            sizes=_sizes(results),
            trust=trust_sentence(results.validation, results.estimator, 1 - results.level),
            validation=results.validation.map(_cell).to_dict("records"),
            options=results.options,
            unit=data["unit"],
            wrong=f"{100 * (1 - results.level):.3g}",
            provenance=_provenance(results, config),
            config=yaml.safe_dump(config.model_dump(), allow_unicode=True),
        )
    )
    write_text(path, page)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _figures(results: Results, budget: int) -> tuple[list[dict[str, str]], list[str]]:
    """The static figures within `budget` bytes of base64, and the names of those beyond it."""
    shown, unfit, spent = [], [], 0
    figures, options = results.options.figures, results.options
    assert figures is not None
    for name in sorted(
        figure_names(figures.pairs, figures.pair_list, videos=bool(options.videos), pilot=options.pilot),
        key=_place,
    ):
        figure = _figure(results.folder / "figures", name)
        if spent + len(figure["data"]) > budget:
            unfit.append(name)
            continue
        spent += len(figure["data"])
        shown.append(figure)
    return shown, unfit


def _place(name: str) -> tuple[int, str]:
    module = figure_module(name)
    return (_ORDER.index(module) if module in _ORDER else len(_ORDER), name)


def _figure(folder: Path, name: str) -> dict[str, str]:
    picture = folder / f"{name}.png"
    try:
        data = base64.b64encode(whole(picture).read_bytes()).decode("ascii")
    except FileNotFoundError:
        raise UserError(f"{picture}: there is no such file; run the workflow to make it") from None
    return {"name": name, "title": name.replace("_", " "), "caption": _caption(name), "data": data}


def _caption(name: str) -> str:
    """The figure's caption for the report; empty for a figure added without one."""
    path = _CAPTIONS / f"{figure_module(name)}.rst"
    return path.read_text().strip() if path.exists() else ""


def _about_frames(results: Results) -> dict[str, Any]:
    """Columns of `frames.csv` that the page needs, each video's name once."""
    table = results.frames
    videos = list(dict.fromkeys(table["video"].astype(str)))
    return {
        "videos": videos,
        "video": [videos.index(video) for video in table["video"].astype(str)],
        "image": table["image"].astype(str).tolist(),
        "size": results.labels.sizes,
        "pool": results.pool.astype(int),
    }


def _check_first(
    results: Results, ranked: list[dict[str, Any]], images: Pictures, consensus: np.ndarray, colours: Sequence[str]
) -> list[dict[str, Any]]:
    """The frames to check first, in that order, with what is drawn of them where scripts do not run."""
    names = results.frames[["video", "image"]].astype(str)
    labels, shown = results.labels, []
    for record in sorted(ranked, key=lambda record: not record["flagged"])[:CHECK_FIRST]:
        frame = record["frame"]
        if np.isfinite(record["suspicion"]):
            places = labels.xy[frame], consensus[frame]
            drawn = drawing(*places, labels.skeleton, labels.sizes[frame], labels.keypoints, colours)
            shown.append(record | names.loc[frame].to_dict() | {"picture": images.jpegs[frame], "drawing": drawn})
    return shown


def _learning(results: Results) -> dict[str, Any]:
    """RMSE of networks and of each subset's consensus, for the learning curve."""
    design = results.subsets.set_index("subset")
    parts = {}
    for kind, rows in (("consensus", results.consensus_rmse), ("network", results.networks)):
        of_subset = design.loc[rows["subset"]]
        parts[kind] = {
            "percent": rows["percent"].tolist(),
            "seed": rows["seed"].tolist(),
            "rmse": rows["rmse_px"].tolist(),
            "line": of_subset["cluster"].astype(str).where(of_subset["design"] == "nested", "").tolist(),
        }
    frames = {int(percent): int(count) for percent, count in design.groupby("percent")["frames"].first().items()}
    return parts | {"frames": frames}


def _sizes(results: Results) -> list[dict[str, str]]:
    """A row per percent: subsets, seeds, networks, and their RMSE on the held-out frames."""
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
                "rmse": _cell(float(networks.mean())),
                "range": " to ".join(_cell(float(end)) for end in (networks.min(), networks.max()) if np.isfinite(end)),
                "consensus": _cell(float(joint.mean())),
            }
        )
    return rows


def readable_columns(table: pd.DataFrame, methods: Sequence[Method[Any]]) -> tuple[pd.DataFrame, dict[str, str]]:
    """`frame_values.csv` with its units; what a method says in tiny numbers is told in a thousandth, a millionth…"""
    units = dict(_UNITS)
    for asked_by in methods:
        largest = table[asked_by.value_column].abs().max()
        if 0 < largest < _TINY:
            power = 3 * int(np.floor(np.log10(largest) / 3))
            for column in (asked_by.value_column, asked_by.error_column):
                table = table.assign(**{column: table[column] / 10.0**power})
                units[column] = f"× 10{str(power).translate(_SUPERSCRIPT)}"
    return table, units


def trust_sentence(validation: pd.DataFrame, estimator: str, alpha: float) -> str:
    """Whether values foretell other subsets better than chance, by `validation.csv`; empty if that was not asked."""
    asked = validation[(validation["quantity"] == "lds") & (validation["method"] == estimator)].dropna(subset="p")
    if asked.empty:
        return ""
    row = asked.iloc[0]
    comparison = "better than chance would" if row["p"] < alpha else "no better than chance would"
    return (
        f"The frames’ values foretell which other subsets do well {comparison}: the rank correlation is "
        f"{readable(row['value'], '+')}, where chance gives {readable(row['chance_low'], '+')} to "
        f"{readable(row['chance_high'], '+')}."
    )


def _seeds(seeds: np.ndarray) -> str:
    """Seeds in words: `1 to 40`, or each where they are not in a row."""
    known = np.unique(seeds)
    if len(known) > 2 and len(known) == known[-1] - known[0] + 1:
        return f"{known[0]} to {known[-1]}"
    return ", ".join(map(str, known))


def _provenance(results: Results, config: StudyConfig) -> dict[str, Any]:
    """What made the numbers: versions as written into the files, their digests, and those of this page."""
    attributes = {name: read_attributes(results.folder / name) for name in ("scores.h5", "influence.h5")}
    versions = {
        key: text for key, text in attributes["influence.h5"].items() if key not in ("digest", "sign", "consensus_form")
    }
    hashes = {f"digest of {name}": of_file.get("digest", "") for name, of_file in attributes.items()}
    return {
        "versions": versions | {"plotly (this page)": metadata.version("plotly")},
        "hashes": {"SHA-256 of the config": digest_of_json(config.model_dump())} | hashes,
    }


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of the summary that are there, with their names in words."""
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
        "networks_to_decide_top": "networks more to decide frames of the highest values (a million at most)",
        "score": "score of the values",
        "estimator": "estimator",
    }
    facts = [(words, _cell(summary[key])) for key, words in names.items() if summary.get(key) is not None]
    for percent, rmse in (summary.get("network_rmse_px") or {}).items():
        facts.append((f"mean RMSE of single networks on held-out frames at {percent} %", f"{_cell(rmse)} px"))
    for percent, rmse in (summary.get("held_out_rmse_px") or {}).items():
        facts.append((f"consensus RMSE on held-out frames at {percent} %", f"{_cell(rmse)} px"))
    for verdict, count in (summary.get("verdicts") or {}).items():
        facts.append((f"frames with the verdict '{verdict}'", _cell(count)))
    return facts


def _cell(value: Any) -> str:
    """A number as people read it, anything else as text, nothing as nothing."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    return readable(value) if isinstance(value, float) else str(value)
