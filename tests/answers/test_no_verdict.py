"""If networks have not learned, the answer says so first, and no frame is flagged, called or named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frameworth import figures
from frameworth.answers.closing import closing_lines
from frameworth.answers.explaining import explain
from frameworth.answers.frame_values import frame_values, summary, write_frame_values, write_summary
from frameworth.answers.further_labels import further_labels
from frameworth.attribution.label_checks import label_checks, write_label_checks
from frameworth.config.experiments import Toggle
from frameworth.experiments.toggle import group_of
from frameworth.figures import _style
from frameworth.labels.labels import distance
from frameworth.report import write_report
from frameworth.results.results import Results
from frameworth.scores.learning import constant_guess_error
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import Array, read_hdf5, write_hdf5
from report_study import CONFIG, write_reported_study

pytestmark = pytest.mark.slow

HARMFUL, ODD = 3, 5  # of the pool: the frame that raises all errors, and the one whose labels stand out


def learned(study: Results, error: np.ndarray) -> np.ndarray:
    """Errors as they are."""
    return error


def guessing(study: Results, error: np.ndarray) -> np.ndarray:
    """Every label is missed by what guessing the mean position misses it by."""
    return np.broadcast_to(constant_guess_error(study.labels.xy, study.pool), error.shape) + 0 * error


def shuffled(study: Results, error: np.ndarray) -> np.ndarray:
    """The networks put keypoints where another frame's labels say."""
    other = np.random.default_rng(0).permutation(len(study.pool))
    return np.broadcast_to(distance(study.labels.xy, study.labels.xy[other]), error.shape) + 0 * error


def memorised(study: Results, error: np.ndarray) -> np.ndarray:
    """The same, but for the labels that a network was trained on, which it knows."""
    return np.where(study.inclusion[:, :, None], 0.5 + 0 * error, shuffled(study, error))


def of_error(error: np.ndarray) -> dict[str, np.ndarray]:
    """Scores at labels that are missed by so many px, where maps fall off with the square of the distance."""
    log_error = np.log1p(error)
    return {"error": error, "log_error": log_error, "log_probability": 2 * log_error - np.log(0.03)}


Kind = Callable[[Results, np.ndarray], np.ndarray]
UNLEARNED = [guessing, shuffled, memorised]


def of_kind(folder: Path, kind: Kind) -> Results:
    """A study with one frame that harms greatly and one whose labels stand out greatly, whatever networks learned."""
    study = write_reported_study(
        folder / "walk", frames=32, halves=24, ladder_seeds=2, members=1, planted=False, questions=True
    )
    rng = np.random.default_rng(1)
    scores = dict(study.scores)
    error = kind(study, scores["error"].astype(float)) * np.exp(rng.normal(0, 0.02, scores["error"].shape))
    pool = np.flatnonzero(study.pool)
    error *= np.where(study.inclusion[:, pool[HARMFUL]], 1.6, 1)[:, None, None]
    error[:, pool[ODD]] *= np.where(study.inclusion[:, pool[ODD]], 1, 30)[:, None]
    scores |= of_error(error)
    scores["consensus_pose"] = scores["consensus_pose"].copy()
    scores["consensus_pose"][~study.inclusion[:, pool[ODD]], pool[ODD]] += [60, -45]
    dims = ("subset", "frame", "keypoint", "xy")
    write_hdf5(
        study.folder / "scores.h5",
        {name: Array(values, dims[: values.ndim], "") for name, values in scores.items()},
        {},
        {"digest": "", "consensus_form": "argmax"},
    )
    study = Results(study.folder, study.options)
    write_label_checks(study)
    write_frame_values(study)
    study = Results(study.folder, study.options)
    write_summary(study)
    write_csv(study.folder / "toggle.csv", toggled())
    return Results(study.folder, study.options)


def toggled() -> pd.DataFrame:
    """`toggle.csv` of a group that is shown to harm."""
    row = {"arm": "with", "pairs": 9, "difference": 0.2, "standard_error": 0.01, "t": 20.0, "p": 1e-6, "frames": "1 2",
           "two_way_low": 0.1, "two_way_high": 0.3}  # fmt: skip
    return pd.DataFrame([row])


@pytest.fixture(scope="module", params=UNLEARNED)
def unlearned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return of_kind(tmp_path_factory.mktemp("unlearned"), request.param)


def test_of_networks_that_learned_the_same_frames_are_flagged_called_and_named(tmp_path: Path):
    """Without this the tests below would say nothing."""
    study = of_kind(tmp_path, learned)
    answer, pool = study.summary, np.flatnonzero(study.pool)
    verdict = study.frame_values.set_index("frame")["verdict"]
    assert answer["learned"] is True
    assert answer["why_not_learned"] is None
    assert "have learned" in answer["statement"][0]
    assert verdict[pool[ODD]] == "check label"
    assert verdict[pool[HARMFUL]] in ("harmful", "worse than average")
    assert answer["check_first"][0] == pool[ODD]
    assert answer["labels_flagged"] >= 1
    assert any(
        "raises the error" in line
        for line in closing_lines(study.folder, CONFIG | {"toggle": {"pairs": 9}}, "mine.yaml")
    )


def test_nothing_is_flagged_or_called_and_the_list_keeps_its_order(unlearned: Results):
    checks = unlearned.label_checks
    assert not checks["flagged"].any()
    assert checks["suspicion"].dropna().is_monotonic_decreasing
    assert checks["frame"].iloc[0] == np.flatnonzero(unlearned.pool)[ODD]
    assert checks["expected_false"].iloc[0] < 0.3
    assert set(unlearned.frame_values["verdict"]) == {"undecided"}
    assert len(group_of(unlearned.frame_values, Toggle())) == 0


def test_the_answer_begins_with_it_says_why_and_names_no_frame(unlearned: Results):
    answer = unlearned.summary
    first, numbers, *why = answer["statement"]
    assert answer["learned"] is False
    assert "have not learned" in first
    assert len(answer["statement"]) <= 6
    assert all(len(sentence.split()) <= 30 for sentence in answer["statement"])
    for key in ("not_trained_on_median_px", "trained_on_median_px", "constant_guess_median_px"):
        assert f"{answer[key]:.1f} px" in numbers
    knew = answer["trained_on_median_px"] < 2
    assert answer["why_not_learned"] == ("not transferred" if knew else "underfitted")
    assert ("labels do not fit" if knew else "training.steps (now 160)") in " ".join(why)
    assert (answer["check_first"], answer["check_first_names"], answer["labels_flagged"]) == ([], [], 0)
    assert (answer["group_size"], answer["group_test_p"], answer["networks_to_decide_top"]) == (0, None, None)
    images = unlearned.frames["image"]
    assert not any(image in sentence for sentence in answer["statement"] for image in images)
    assert not any(word in " ".join(why) for word in ("more frames", "More frames", "suspicion", "harm"))


def test_the_terminal_says_it_first_and_ends_without_frames_or_calls(unlearned: Results):
    lines = closing_lines(unlearned.folder, CONFIG | {"toggle": {"pairs": 9}}, "mine.yaml")
    assert "have not learned" in lines[0]
    assert not any(image in line for line in lines for image in unlearned.frames["image"])
    assert not any("raises the error" in line or "it harms" in line or "settled" in line for line in lines)


def test_one_frame_is_explained_with_what_was_measured_and_without_a_verdict(unlearned: Results):
    lines = explain(unlearned, int(np.flatnonzero(unlearned.pool)[HARMFUL]))
    assert "have not learned" in lines[0]
    assert not any(line.startswith(("Verdict", "Value", "Held-out frames that")) for line in lines)


def test_whether_more_labels_are_worth_it_is_unknown_if_networks_have_not_learned(unlearned: Results):
    changes = further_labels(unlearned).changes
    assert changes["verdict"].str.startswith("cannot be told: the networks").all()


def test_the_page_alarms_and_has_no_badges(unlearned: Results, tmp_path: Path):
    write_report(unlearned, tmp_path / "report.html", CONFIG)
    page = (tmp_path / "report.html").read_text()
    assert 'class="answer alarm" role=alert' in page
    assert '<span class="verdict bad">flagged' not in page
    assert "labels first</h2>" not in page
    assert "nothing is said of its value" in page
    assert "it harms" not in page


def test_figures_say_above_their_titles_that_the_networks_have_not_learned(
    unlearned: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    titles = []
    monkeypatch.setattr(_style, "save", lambda figure, *_: titles.append(figure.get_suptitle()))
    for name in ("labels_to_check", "learning_curve", "add"):
        figures.draw_figure(name, unlearned, tmp_path)
    assert all(title.startswith("The networks have not learned") and "\n" in title for title in titles)


def test_planted_errors_are_still_counted_as_numbers(tmp_path: Path):
    study = write_reported_study(tmp_path / "walk", frames=32, halves=16, ladder_seeds=0)
    scores = read_hdf5(study.folder / "scores.h5")
    error = guessing(study, scores["error"].astype(float))
    object.__setattr__(study, "scores", scores | of_error(error))
    object.__setattr__(study, "label_checks", label_checks(study))
    object.__setattr__(study, "frame_values", frame_values(study))
    answer = summary(study)
    assert answer["planted"] > 0
    assert 0 <= answer["auroc_suspicion"] <= 1
    assert answer["group_size"] == 0
