"""`report.html`: one page that opens offline, with the answer in words, the figures and the ranked frames."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from frameworth.errors import UserError
from frameworth.figures import figure_module, figure_names
from frameworth.files import write_text
from frameworth.results import Results

_PACKAGE = Path(__file__).resolve().parent
_TEMPLATES = _PACKAGE / "templates"
_CAPTIONS = _PACKAGE.parent / "report"
# What a reader asks first comes first; figures not named here follow in the order of their names.
_ORDER = ("labels_to_check", "learning_curve", "frame_values", "influence_pair", "influence_bias")
_UNITS = {
    "out_of_bag_error": "px",
    "memorization": "px",
    "value_px": "px",
    "check_priority": "1 is first",
}


def write_report(results: Results, path: Path) -> None:
    """Write the page to `path`, with the figures of `results.folder/figures` inside.

    Raises UserError if a figure is missing.
    """
    names = figure_names(**results.options["figures"], videos=bool(results.options.get("videos")))
    page = _environment().get_template("report.html.j2")
    write_text(
        path,
        page.render(
            study=results.folder.name,
            statement=results.summary.get("statement", []),
            facts=_facts(results.summary),
            check_first=_check_first(results),
            figures=[_figure(results.folder / "figures", name) for name in sorted(names, key=_place)],
            columns=[(name, _UNITS.get(name, "")) for name in results.frame_values.columns],
            rows=results.frame_values.map(_cell).to_numpy().tolist(),
        ),
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _place(name: str) -> tuple[int, str]:
    module = figure_module(name)
    return (_ORDER.index(module) if module in _ORDER else len(_ORDER), name)


def _figure(folder: Path, name: str) -> dict[str, str]:
    picture = folder / f"{name}.png"
    try:
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
    except FileNotFoundError:
        raise UserError(f"{picture}: there is no such file; run the workflow to make it") from None
    return {"name": name, "title": name.replace("_", " "), "caption": _caption(name), "data": data}


def _caption(name: str) -> str:
    """The figure's sentence for the report; empty for a figure added without one."""
    path = _CAPTIONS / f"{figure_module(name)}.rst"
    return path.read_text().strip() if path.exists() else ""


def _check_first(results: Results) -> list[dict[str, Any]]:
    """The rows of the frames to check first, in that order."""
    table = results.frame_values.sort_values("check_priority")
    wanted = results.summary.get("check_first")
    if wanted is None:
        wanted = table.dropna(subset="out_of_bag_error")["frame"].head(5).tolist()
    known = table.set_index("frame", drop=False)
    return [known.loc[frame].map(_cell).to_dict() for frame in wanted if frame in known.index]


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of the summary that are there, with their names in words."""
    names = {
        "networks": "networks trained",
        "frames": "labelled frames",
        "pool": "of them in the pool",
        "held_out": "held out",
        "planted": "label errors planted",
        "auroc_out_of_bag": "AUROC of out-of-bag error for the planted frames",
        "auroc_value": "AUROC of value for the planted frames",
        "group_test_p": f"p of the test that the {summary.get('group_name') or 'flagged'} frames are worse",
        "score": "score of the values",
        "estimator": "estimator",
    }
    facts = [(words, _cell(summary[key])) for key, words in names.items() if summary.get(key) is not None]
    for percent, rmse in (summary.get("held_out_rmse_px") or {}).items():
        facts.append((f"consensus RMSE on held-out frames at {percent} %", f"{_cell(rmse)} px"))
    for verdict, count in (summary.get("verdicts") or {}).items():
        facts.append((f"frames with the verdict '{verdict}'", _cell(count)))
    return facts


def _cell(value: Any) -> str:
    """A number with three significant digits, anything else as text, nothing as nothing."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    return f"{value:.3g}".replace("-", "−") if isinstance(value, float) else str(value)
