"""`report.html`: one page that opens offline, with the answer in words, the ranked frames, and their influences.

All arrays and images are inside the page. What is larger than its budget is left out, and the page says so.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from frameworth.answers.answer import half_and_twice
from frameworth.answers.closing import answer, experiment_sentences, notes
from frameworth.answers.frame_values import CHECK_FIRST
from frameworth.attribution.label_checks import study_suspects
from frameworth.attribution.methods import method, method_names
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
from frameworth.report.tables import cell, facts, provenance, readable_columns, sizes, trust_sentence
from frameworth.results.results import Results
from frameworth.storage.digests import verified
from frameworth.storage.files import digest_of_json, write_text

_FOLDER = Path(__file__).resolve().parent
_CAPTIONS = _FOLDER.parent.parent / "report"
# Bytes of base64 in the page. The static figures get what all other parts leave of the budget `page`.
BUDGETS = {"page": 38_000_000, "pictures": 9_000_000, "matrix": 17_000_000, "detections": 4_000_000}
_MOST_ROWS = 1000  # of the table of frames; the gallery has all frames
# The most important figures come first; figures not named here follow in the order of their names.
_ORDER = ("labels_to_check", "learning_curve", "frame_values", "influence_pair", "influence_bias")


def write_report(results: Results, path: Path, config: StudyConfig) -> None:
    """Write the page to `path`; it includes the figures of `results.folder/figures` and the whole config.

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
    }
    plotly, script_data = get_plotlyjs(), json_in_page(data)
    script = (_FOLDER / "page.js").read_text().replace("// {{ mend.js }}", (_FOLDER / "mend.js").read_text())
    rest = [plotly, script_data, *images.jpegs, *(array.text for array in arrays)]
    figures, unfit = _figures(results, BUDGETS["page"] - sum(map(len, rest)))
    left_out = [f"{images.left_out:,} of {len(images.jpegs):,} frames have no picture"] if images.left_out else []
    left_out += [*influences.left_out, *detected.left_out]
    left_out += [f"the figure {name} is in the figures folder only" for name in unfit]
    curve = learning_picture(results.add_curve, int(results.pool.sum())) if results.learning.learned else None
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
            experiment_sentences=experiment_sentences(results.folder, config, results.learning.learned),
            learned=results.learning.learned,
            facts=facts(results.summary),
            expected_false=f"{config.flags.expected_false:g}",
            any_flagged=bool(results.label_checks["flagged"].any()),
            check_first=_check_first(results, ranked, images, consensus, colours),
            keypoints=list(zip(results.labels.keypoints, colours, strict=True)),
            changes=half_and_twice(results.summary["further_frames"]) if results.summary["further_frames"] else [],
            curve=curve and base64.b64encode(curve.encode()).decode(),
            left_out=left_out,
            figures=figures,
            columns=[(name, units.get(name, "")) for name in table.columns],
            rows=table.head(_MOST_ROWS).map(cell).to_numpy().tolist(),
            rows_in_all=len(table),
            sizes=sizes(results),
            trust=trust_sentence(results.validation, results.estimator, 1 - results.level),
            validation=results.validation.map(cell).to_dict("records"),
            options=results.options,
            unit=data["unit"],
            level=f"{100 * results.level:g}",
            wrong=f"{100 * (1 - results.level):.3g}",
            provenance=provenance(results, config),
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
    """The static figures that fit into `budget` bytes of base64, and the names of those that do not."""
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
        data = base64.b64encode(verified(picture).read_bytes()).decode("ascii")
    except FileNotFoundError:
        raise UserError(f"{picture}: there is no such file; run the workflow to make it") from None
    return {"name": name, "title": name.replace("_", " "), "caption": _caption(name), "data": data}


def _caption(name: str) -> str:
    """The figure's caption for the report; empty if it has none."""
    path = _CAPTIONS / f"{figure_module(name)}.rst"
    return path.read_text().strip() if path.exists() else ""


def _about_frames(results: Results) -> dict[str, Any]:
    """What the page needs of `frames.csv`; each video's name is stored once."""
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
    """The frames to check first, in that order, with the drawings for browsers that do not run scripts."""
    names = results.frames[["video", "image"]].astype(str)
    labels, shown = results.labels, []
    for record in sorted(ranked, key=lambda record: not record["flagged"])[:CHECK_FIRST]:
        frame = record["frame"]
        if np.isfinite(record["suspicion"]):
            places = labels.xy[frame], consensus[frame]
            drawn = drawing(*places, labels.skeleton, labels.sizes[frame], labels.keypoints, colours)
            shown.append(record | names.loc[frame].to_dict() | {"picture": images.jpegs[frame], "drawing": drawn})
    return shown
