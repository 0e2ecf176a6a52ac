"""The tables and figures of docs/findings.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from findings.__main__ import TABLES, all_questions
from findings.questions.confidence import effects
from findings.questions.more_data import BUDGETS, PROJECTS, answer, draw
from findings.reading import finished, networks
from frameworth.storage.files import write_csv
from synthetic_study import write_study


def ladders(change: float, noise: float, *, seeds: int = 20) -> pd.DataFrame:
    """A table of one project whose error changes by `change` with each size, two networks in each subset."""
    rng = np.random.default_rng(5)
    rows = [
        {"project": "openfield", "budget": budget, "percent": percent, "seed": seed, "member": member,
         "log_error": 2 + change * step + noise * rng.standard_normal(), "median_px": 5.0}
        for budget in BUDGETS
        for seed in range(seeds)
        for step, percent in enumerate([10, 30, 70, 90])
        for member in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_change_that_is_in_every_seed_is_told_with_its_size_and_interval() -> None:
    first = answer(ladders(-0.3, 0.05)).iloc[0]
    assert (first["low"], first["high"], first["seeds"], first["rose"]) == (10, 30, 20, 0)
    assert first["ci_low"] < -0.3 < first["ci_high"] < -0.25
    assert first["expected"] < 0.01


def test_where_nothing_changes_half_of_the_seeds_rise_by_the_networks_noise_alone() -> None:
    rows = answer(ladders(0.0, 0.2, seeds=400))
    assert rows["expected"].between(0.4, 0.6).all()
    assert (rows["rose"] / rows["seeds"]).between(0.4, 0.6).all()


def test_the_figure_has_a_line_for_each_seed_and_the_mean() -> None:
    axes = draw(ladders(-0.3, 0.05, seeds=4)).get_axes()
    assert len(axes) == len(BUDGETS) * len(PROJECTS)
    assert len(axes[0].lines) == 4 + 1


def test_networks_of_studies_that_were_run_are_read_and_consensus_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("results/more-data-steps-reaching")
    folder.mkdir(parents=True)
    row = {"percent": 10, "seed": 2, "member": 1, "kind": "network", "mean_log_error": 1.5, "median_px": 4.0}
    (folder / "report.html").touch()
    write_csv(folder / "rmse.csv", pd.DataFrame([row, row | {"kind": "consensus", "member": None}]))
    assert finished("more-data", "steps") == {"reaching": folder}
    assert networks(folder).to_dict("records") == [
        {"percent": 10, "seed": 2, "member": 1, "log_error": 1.5, "median_px": 4.0}
    ]


def test_a_planted_frame_changes_the_confidence_elsewhere_by_as_much_as_it_was_made_to(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", halves=40)  # each planted frame raises distractors by .1
    rows = pd.DataFrame(list(effects(study))).set_index(["group", "sizes", "score"])
    row = rows.loc[("planted", "halves", "distractor_confidence")]
    assert row["change"] == pytest.approx(0.1, abs=0.01)
    assert row["ci_low"] < 0.1 < row["ci_high"]
    assert row["subsets"] == 40 - 16  # those that flag are left out


@pytest.mark.parametrize("table", sorted(path.stem for path in TABLES.glob("*.csv")))
def test_each_figure_of_the_findings_is_drawn_from_its_table(table: str, tmp_path: Path) -> None:
    picture = tmp_path / "figure.png"
    all_questions()[table].draw(pd.read_csv(TABLES / f"{table}.csv")).savefig(picture)
    assert picture.stat().st_size > 5000
