"""The answer in words: at most six short sentences that agree with the numbers and claim only what was decided."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.answer import Toggled, further_frames, half_and_twice, sentences, toggled
from frameworth.answers.coverage import median_animal_length
from frameworth.answers.explaining import _beside_usual, explain
from frameworth.answers.frame_values import networks_to_decide, summary
from frameworth.answers.further_labels import ALL, write_further_labels
from frameworth.answers.next_step import next_step
from frameworth.results.results import Results
from frameworth.scores.learning import constant_guess_rmse
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import Array, write_hdf5
from report_study import CONFIG
from statement_numbers import CHANGES, HARDLY, HELPED, NUMBERS, OPEN
from synthetic_study import write_study


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Results:
    made = write_study(tmp_path_factory.mktemp("written") / "walk", frames=24, halves=8, ladder_seeds=4)
    write_further_labels(made)
    return made


@pytest.fixture
def study(written: Results, tmp_path: Path) -> Results:
    """A study of its own for a test that changes files of it."""
    return Results(shutil.copytree(written.folder, tmp_path / "walk"), written.options)


def changed(study: Results, table: str, **columns: object) -> Results:
    """The study with columns of one of its tables set to something else."""
    write_csv(study.folder / f"{table}.csv", getattr(study, table).assign(**columns))
    return Results(study.folder, study.options)


def statement(group: Toggled | None = None, **numbers: object) -> str:
    return " ".join(sentences(NUMBERS | numbers, 0.05, group))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("group", [None, Toggled(7, 0.2, True, False, 9), Toggled(7, 0.2, False, True, 9)])
def test_five_sentences_of_thirty_words_leave_room_for_the_next_step(change: str, group: Toggled | None):
    lines = sentences(NUMBERS | CHANGES[change], 0.05, group)
    assert len(lines) <= 5
    for sentence in lines:
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert len(sentence.split()) <= 30, sentence
        assert not re.search(r"nan|None|\bp = |correlation|log\(|RMSE|\d\.\d{3}", sentence), sentence


def test_the_error_stands_first_beside_the_animal_and_a_guess():
    first = sentences(NUMBERS, 0.05)[0]
    assert "have learned" in first
    assert "3.1 px (5.1 % of the labels' span)" in first
    assert "28 px" in first
    assert "span" not in sentences(NUMBERS | {"animal_length_px": float("nan")}, 0.05)[0]
    assert "12 frames" in sentences(NUMBERS | {"learned_frames": 12}, 0.05)[0]


def test_the_length_of_an_animal_is_the_widest_span_of_its_labels_in_the_typical_frame():
    xy = np.array([[[0.0, 0], [3, 4], [1, 1]], [[0, 0], [30, 40], [np.nan, 1]], [[9, 9], [np.nan, 1], [1, np.nan]]])
    assert median_animal_length(xy) == pytest.approx((5 + 50) / 2)
    assert np.isnan(median_animal_length(xy[2:]))


def test_numbers_that_are_not_known_read_alike_before_and_after_they_were_a_file():
    unknown = dict.fromkeys(("animal_length_px", "group_test_p", "group_test_p_px"), float("nan"))
    numbers = NUMBERS | CHANGES["chance"] | unknown
    read = numbers | dict.fromkeys(unknown)
    assert sentences(read, 0.05) == sentences(numbers, 0.05)


def test_labels_to_check_are_counted_with_those_expected_to_be_right():
    assert "Check the 9 flagged frames first (2 held out" in statement()
    assert "about 1 may be right" in statement()
    assert "hardly any is likely to be right" in statement(labels_flagged_expected_false=0.01)
    assert "2 flagged frames first: their labels look wrong, though chance alone flags about 4" in statement(
        labels_flagged=2, labels_flagged_held_out=0, labels_flagged_expected_false=3.8
    )
    alone = statement(labels_flagged=1, labels_flagged_held_out=1)
    assert "the flagged frame first (held out, where errors are measured), then" in alone
    none = statement(**CHANGES["none flagged"])
    assert "No frame stands out enough" in none
    assert "look wrong" not in none


def test_the_group_is_said_to_do_harm_only_where_that_is_decided():
    assert "do worse with the 7 flagged frames" in statement()
    assert "by 0.05 px each" in statement()
    assert "cannot decide whether the 7 frames" not in statement()
    chance = statement(group_test_p=0.4)
    assert "do worse" not in chance
    assert "cannot decide whether the 7 flagged frames of the pool do harm" in chance  # others are held out
    assert "whether the 7 flagged frames do harm" in statement(group_test_p=0.4, labels_flagged_held_out=0)
    in_px_undecided = statement(group_test_p_px=0.06)
    assert "do worse with the 7 flagged frames" in in_px_undecided
    assert "px each" not in in_px_undecided


@pytest.mark.parametrize(("flagged", "judged"), [(1, 0), (2, 2)])
def test_a_single_flagged_frame_is_no_group_that_could_do_harm(study: Results, flagged: int, judged: int):
    values = study.frame_values.assign(verdict="undecided")
    values.loc[: flagged - 1, "verdict"] = "check label"
    unplanted = study.frames.drop(columns="planted", errors="ignore")
    alone = Results(study.folder, study.options)
    alone.__dict__.update(frame_values=values, frames=unplanted)
    assert summary(alone)["group_size"] == judged


def test_a_group_that_was_toggled_is_judged_by_that():
    harm = statement(Toggled(7, np.log(1.25), True, True, 9), group_test_p=0.4)
    assert "the 7 toggled frames raises the error by 1 px." in harm
    assert "may do nothing" in statement(Toggled(7, 0.2, True, False, 9))
    # A mean of logs that falls far may not make the typical error negative.
    assert "lowers the error by 3.1 px." in statement(Toggled(7, -3.0, True, True, 9))
    assert "lowers the error" in statement(Toggled(7, -0.2, True, True, 9))
    chance = statement(Toggled(7, 0.2, False, True, 9))
    assert "9 pairs of networks with and without the 7 toggled frames do not decide whether they harm." in chance
    assert not re.search("do worse|raises|networks cannot decide whether the 7", chance)


def test_the_row_of_the_whole_group_is_read_and_none_where_all_pairs_diverged():
    row = {"arm": "with", "pairs": 9, "difference": 0.2, "p": 0.001, "frames": "1 5 7", "two_way_low": -0.1,
           "two_way_high": 0.5}  # fmt: skip
    table = pd.DataFrame([row, row | {"arm": "part-1", "difference": 9}])
    assert toggled(table, 0.05) == Toggled(3, 0.2, True, False, 9)
    assert toggled(table.assign(p=0.2, two_way_low=0.1), 0.05) == Toggled(3, 0.2, False, True, 9)
    assert toggled(table.assign(pairs=0), 0.05) is None


def test_a_group_of_which_one_toggled_pair_is_left_is_judged_by_the_test_of_random_subsets():
    row = {"arm": "with", "pairs": 1, "difference": 0.2, "p": np.nan, "frames": "1 5 7", "two_way_low": np.nan,
           "two_way_high": np.nan}  # fmt: skip
    assert statement(toggled(pd.DataFrame([row]), 0.05)) == statement()


def test_further_frames_are_said_to_help_by_how_much_for_how_many_only_where_the_curve_tells():
    assert "60 more frames like these would lower the error by 20 % (between 10 and 30 %)" in statement()
    harm = HELPED | {"change_px": 0.8, "low_px": 0.4, "high_px": 1.2, "verdict": "would lose"}
    assert "would raise the error by 20 %" in statement(further_frames=harm)
    assert "would hardly change the error, by at most 1 %" in statement(further_frames=HARDLY)
    small = statement(further_frames=HARDLY | {"error_px": 0.3})  # 0.05 px of 0.3 are no small part
    assert "not decided: the error may fall by 10 % or rise by 17 %" in small
    unclear = statement(further_frames=OPEN)
    assert "not decided: the error may fall by 30 % or rise by 7.5 %" in unclear
    assert "whether more labels help" not in unclear
    little = statement(further_frames=OPEN | {"low_px": -0.8, "high_px": -0.04})  # by how much may be next to nothing
    assert "lower the error, by at most 20 %" in little
    assert "not decided" not in little
    assert "whether more labels help" in statement(further_frames=None)


def test_a_change_of_log_error_is_reported_in_px_of_the_typical_error():
    curve = pd.DataFrame({"keypoint": ALL, "frames": [40, 80], "fitted": np.log([5, 4])})
    changes = [
        {"frames": 20, "value": np.log(1.2), "ci_low": 0.0, "ci_high": np.log(1.4), "verdict": "a"},
        {"frames": 80, "value": np.log(0.8), "ci_low": np.log(0.6), "ci_high": 0.0, "verdict": "b"},
    ]
    table = pd.DataFrame(changes).assign(keypoint=ALL)
    further = further_frames(table, curve, 40)
    assert further == {"frames": 40, "error_px": pytest.approx(4), "change_px": pytest.approx(-1),
                     "low_px": pytest.approx(-2), "high_px": 0, "verdict": "b", "half_frames": 20,
                     "half_change_px": pytest.approx(1), "half_low_px": 0,
                     "half_high_px": pytest.approx(2)}  # fmt: skip
    assert half_and_twice(further) == [
        ("half the frames (20)", "+1 px (+0 to +2)"),
        ("twice the frames", "−1 px (−2 to +0)"),
    ]
    assert further_frames(table, curve.assign(fitted=np.nan), 40) is None


def test_an_error_falls_by_no_more_than_all_of_it():
    curve = pd.DataFrame({"keypoint": ALL, "frames": [40], "fitted": np.log([2.0])})
    change = {"keypoint": ALL, "value": -0.3, "ci_low": -2.0, "ci_high": 0.5, "verdict": "cannot be told"}
    further = further_frames(pd.DataFrame([change | {"frames": 20}, change | {"frames": 80}]), curve, 40)
    assert further["low_px"] == further["half_low_px"] == -further["error_px"] == pytest.approx(-1)
    assert "may fall by 100 % or rise" in statement(further_frames=further)


def test_single_frames_that_are_decided_are_counted_and_the_others_named_undecided():
    text = statement(**CHANGES["single frames"])
    assert "2 harm, 1 helps, 3 are worse than average" in text
    assert "1 harms, 1 is better than average" in statement(verdicts={"harmful": 1, "better than average": 1})
    assert "the others need more than 36 networks" in text
    assert "decided one by one" not in statement()
    # A frame to check may be decided, too; its verdict does not say so.
    assert "besides those to check: 1 harms; the others" in statement(verdicts={"harmful": 1, "check label": 2})


def test_what_is_undecided_is_one_sentence_with_how_many_networks_would_decide():
    last = sentences(NUMBERS | CHANGES["chance"], 0.05)[-1]
    assert last.startswith("36 networks cannot decide")
    for words in ("harm", "which other single frames harm most", "about 5,300"):
        assert words in last
    assert "over a million would tell" in statement(networks_to_decide_top=1_000_000)
    assert "(about 36 would tell)" in statement(networks_to_decide_top=0)
    few = statement(networks_to_decide_top=None)  # too few subsets to know
    assert "which other single frames harm most." in few and "would tell" not in few
    assert "cannot decide" not in statement(verdicts={"harmful": 60})


def test_networks_are_counted_for_frames_that_are_undecided_and_not_for_flagged_ones():
    """A flagged frame may be decided many times over: what the others take does not follow from it."""
    values = pd.DataFrame(
        {
            "verdict": ["check label"] * 5 + ["undecided"] * 3,
            "value": [9.0, 8, 7, 6, 5, 3, 2, np.nan],
            "networks_factor": [0.1] * 5 + [4.0, 6.0, np.nan],
        }
    )
    assert networks_to_decide(values, 10) == 40
    assert networks_to_decide(values.assign(networks_factor=np.inf), 10) == 1_000_000
    assert networks_to_decide(values.assign(networks_factor=np.nan), 10) is None
    assert networks_to_decide(values.head(5), 10) is None


def test_a_frames_value_in_a_unit_of_millionths_is_reported_beside_the_usual_one():
    assert _beside_usual(5.4e-6, 3e-6) == "+1.8 times what is usual"
    assert _beside_usual(-6e-6, 3e-6) == "−2 times what is usual"
    assert _beside_usual(0.012, 0.01) == "+0.012"
    assert _beside_usual(0.0, 0.0) == "+0"


def test_what_a_method_calls_harmful_is_reported_beside_what_is_not_decided():
    (last,) = [
        sentence for sentence in sentences(NUMBERS | CHANGES["by a method"], 0.05) if "cannot decide" in sentence
    ]
    assert "5,300" in last and "by metagradient, 2 harm" in last
    assert "by metagradient, none harm" in statement(**CHANGES["by a method and nothing else"])
    assert "by metagradient, 2 harm" in statement(**(CHANGES["single frames"] | CHANGES["by a method"]))


def test_the_numbers_of_a_study_are_those_that_the_sentences_tell(study: Results):
    answer = summary(study)
    trained, other = answer["trained_on_median_px"], answer["not_trained_on_median_px"]
    assert answer["learned"] is True
    assert 0 < trained < other < answer["constant_guess_median_px"] / 2
    assert answer["constant_guess_rmse_px"] == pytest.approx(constant_guess_rmse(study.labels.xy, study.pool), abs=1e-3)
    assert answer["statement"] == sentences(answer, 0.05)
    assert answer["further_frames"] == further_frames(study.add, study.add_curve, int(study.pool.sum()))
    assert 20 < answer["animal_length_px"] < 45  # the drawn body is 30 px long


def test_with_subsets_of_one_size_it_is_undecided_whether_more_frames_help(tmp_path: Path):
    halves = write_study(tmp_path / "halves", frames=24, halves=8, ladder_seeds=0)
    write_further_labels(halves)
    assert "whether more labels help" in " ".join(summary(halves)["statement"])


def test_networks_that_never_see_a_labelled_pool_frame_have_not_learned(study: Results):
    labels = study.labels
    write_hdf5(
        study.folder / "labels.h5",
        {
            "label": Array(np.where(study.pool[:, None, None], np.nan, labels.xy), ("frame", "keypoint", "xy")),
            "size": Array(labels.sizes, ("frame", "wh")),
            "path": Array(np.array(labels.paths), ("frame",)),
            "digest": Array(np.array(labels.digests), ("frame",)),
            "skeleton": Array(labels.skeleton, ("bone", "end")),
        },
        {"keypoint": np.array(labels.keypoints)},
    )
    without = Results(study.folder, study.options)
    answer = summary(without)
    assert answer["learned"] is False
    assert "nan" not in " ".join(answer["statement"])


@pytest.mark.parametrize(
    ("splits", "words"),
    [(["held-out"], "no network is trained again"), (["held-out", "pool"], "training again the 40 networks that saw")],
)
def test_flagged_labels_are_to_be_corrected_next_and_what_saw_them_is_trained_again(
    study: Results, splits: list[str], words: str
):
    numbers, checks = study.summary | {"labels_flagged": 3}, study.label_checks
    checks = checks.assign(flagged=checks["split"].isin(splits))
    step = next_step(study.folder, numbers, checks, CONFIG, "a b.yaml")
    assert words in step.sentence
    if "pool" in splits:  # networks are counted one by one: subsets may have unlike numbers of them
        rmse = study.rmse[(study.rmse["kind"] != "network") | (study.rmse["subset"] == "percent-090_seed-1")]
        write_csv(study.folder / "rmse.csv", rmse)
        assert "again the 2 networks" in next_step(study.folder, numbers, checks, CONFIG, "a.yaml").sentence
    report, apply = step.command.split("   # ")
    assert report == "frameworth report --configfile 'a b.yaml' --open"
    assert "frameworth apply" in apply


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_what_is_trained_again_has_its_time_for_the_device_that_was_measured_and_for_networks_that_are_kept(
    study: Results, device: str, monkeypatch: pytest.MonkeyPatch
):
    record = study.folder / "ensembles/percent-050/seed-1/training.json"
    record.parent.mkdir(parents=True)
    config = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"device": device})})
    took = {"batch_size": config.training.batch_size, "steps": config.training.steps, "device_type": "cpu"}
    record.write_text(json.dumps({"members": [took | {"wall_seconds": 600.0}]}))
    monkeypatch.setattr("frameworth.answers.next_step.cpu_count", lambda: 4)
    held_out = study.label_checks.assign(flagged=study.label_checks["split"] == "held-out")
    numbers = study.summary | {"labels_flagged": 6}
    assert "no network is trained again" in next_step(study.folder, numbers, held_out, config, "a.yaml").sentence
    unkept = config.model_copy(update={"keep_snapshots": False})
    sentence = next_step(study.folder, numbers, held_out, unkept, "a.yaml").sentence
    assert "training again the 40 networks (none is kept) takes about 101 min here" in sentence


def test_of_two_held_out_labels_alone_what_a_frame_moves_has_as_many_lines_and_networks_that_diverged_say_nothing(
    study: Results, monkeypatch: pytest.MonkeyPatch
):
    held_out, frame = np.flatnonzero(~study.pool), int(np.flatnonzero(study.pool)[2])
    influence = {name: array.copy() for name, array in study.influence("error", "size-centred").items()}
    influence["standard_error"][:, held_out[1:]] = np.nan
    influence["standard_error"][:, held_out[0], 2:] = np.nan
    influence["value"][:, held_out[0], :2] = -0.03
    monkeypatch.setattr(Results, "influence", lambda *_: influence)
    unseen = ~study.inclusion[:, frame]
    study.scores["consensus_pose"][np.flatnonzero(unseen)[0]] = np.nan
    lines = explain(study, frame)
    moved = lines[lines.index(next(line for line in lines if "seems to move most" in line)) + 1 :]
    assert len(moved) == 2
    assert all("−0.03 ± " in line for line in moved)
    assert any(f"weighted median of {unseen.sum() - 1} ensembles" in line for line in lines)


def test_with_no_label_flagged_what_comes_next_is_more_labels_where_they_help_and_more_networks_else(study: Results):
    config, checks = CONFIG, study.label_checks
    numbers = study.summary | {"labels_flagged": 0}
    assert (
        "label more frames"
        in next_step(study.folder, numbers | {"further_frames": HELPED}, checks, config, "a.yaml").sentence
    )
    for further in (OPEN, HARDLY, None):
        step = next_step(study.folder, numbers | {"further_frames": further}, checks, config, "a.yaml")
        assert "double the networks" in step.sentence
    assert len(step.sentence.split()) <= 30
