"""Metagradients of single labels: which labels are singled out, and where each of these should move."""

import re

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.explaining import explain
from frameworth.answers.label_harm import label_harm, label_words, write_label_harm
from frameworth.attribution.label_checks import study_suspects
from frameworth.attribution.label_metagradients import label_metagradients
from frameworth.attribution.methods import method
from frameworth.report.gallery import ranked_frames
from frameworth.results.results import Results
from frameworth.storage.hdf5 import Array, write_hdf5
from synthetic_study import write_study

pytestmark = pytest.mark.slow


def derivatives(rng, networks=8, frames=40, keypoints=3):
    """Derivatives in which the last keypoint has ten times the spread; each network tells of three quarters."""
    scale = np.array([1, 1, 10.0])
    change = rng.normal(size=(networks, frames, keypoints)) * scale + scale
    position = rng.normal(size=(networks, frames, keypoints, 2))
    unknown = rng.random((networks, frames)) < 0.25
    change[unknown], position[unknown] = np.nan, np.nan
    return change, position, np.ones((frames, keypoints), bool)


def test_harmful_labels_of_any_keypoint_are_singled_out_and_few_studies_without_any_single_out_one():
    rng = np.random.default_rng(0)
    change, position, labelled = derivatives(rng)
    change[:, 3, 0] += 6
    change[:, 7, 2] += 60
    metagradients = label_metagradients(change, position, labelled, 99, rng)
    assert metagradients.p_adjusted[3, 0] < 0.05
    assert metagradients.p_adjusted[7, 2] < 0.05
    assert metagradients.harmful[3, 0]
    assert metagradients.harmful[7, 2]
    wrong = 0
    for number in range(40):
        rng = np.random.default_rng(number)
        wrong += (label_metagradients(*derivatives(rng), 99, rng).p_adjusted < 0.05).any()
    assert wrong <= 6


def test_a_label_is_to_move_against_the_derivative_and_networks_that_differ_do_not_agree():
    rng = np.random.default_rng(1)
    change, position, labelled = derivatives(rng, networks=30)
    position[:, 0, 0] = np.array([3.0, 4]) * rng.uniform(0.1, 10, (30, 1))
    metagradients = label_metagradients(change, position, labelled, 9, rng)
    assert metagradients.direction[0, 0] == pytest.approx([-0.6, -0.8])
    assert metagradients.agreement[0, 0] == pytest.approx(1)
    assert np.median(metagradients.agreement[1:]) < 0.4


def test_of_a_keypoints_only_label_and_of_one_that_no_network_would_move_the_words_say_so_and_have_no_nan():
    rng = np.random.default_rng(3)
    change, position, labelled = derivatives(rng)
    labelled[1:, 1] = False
    position[:, 3, 0] = 0 * position[:, 3, 0]
    metagradients = label_metagradients(change, position, labelled, 9, rng)
    words = []
    for frame, keypoint in ((0, 1), (3, 0)):
        direction = dict(zip(("direction_x", "direction_y"), metagradients.direction[frame, keypoint], strict=True))
        names = ("value", "standard_error", "agreement", "networks")
        row = {name: getattr(metagradients, name)[frame, keypoint] for name in names} | direction
        words.append(label_words(pd.Series(row | {"verdict": "undecided", "move_x": np.nan, "move_y": np.nan})))
    assert words[0].startswith("no other label of its keypoint to compare it with; ")
    assert words[1].endswith("networks would not move it")
    assert "nan" not in " ".join(words)


def test_of_a_missing_label_nothing_is_said():
    rng = np.random.default_rng(2)
    change, position, labelled = derivatives(rng)
    labelled[5, 1] = False
    position[:, 5, 1] = 0
    metagradients = label_metagradients(change, position, labelled, 9, rng)
    assert not metagradients.networks[5, 1]
    assert np.isnan(metagradients.value[5, 1])
    assert np.isnan(metagradients.direction[5, 1]).all()
    assert np.isfinite(metagradients.value).sum() == labelled.sum()


def test_explain_and_report_tell_which_label_harms_and_where_to_it_would_have_to_move(tmp_path):
    study = write_study(tmp_path, frames=32, halves=12, ladder_seeds=0, members=1)
    place = study_suspects(study).place
    left_of_it = (study.labels.xy - place)[:, 0, 0]
    frame = int(np.nanargmax(np.where(study.pool, left_of_it, np.nan)))
    rng = np.random.default_rng(0)
    shape = (12, *study.labels.xy.shape[:2])
    change, position = rng.normal(size=shape), rng.normal(size=(*shape, 2))
    change[:, frame, 0] += 20
    position[:, frame, 0] = (3, 0)  # a move to the right raises the score
    change[~study.inclusion[:12]], position[~study.inclusion[:12]] = np.nan, np.nan
    dimensions = ("network", "training_frame", "keypoint", "xy")
    write_hdf5(
        study.folder / method("metagradient").artefact,
        {
            "change": Array(change, dimensions[:3]),
            "position": Array(position, dimensions),
            "inclusion": Array(study.inclusion[:12], dimensions[:2]),
        },
        {},
    )
    asked = study.options | {"influence": study.options.influence | {"metagradient": {"networks": 12}}}
    results = Results(study.folder, asked)
    write_label_harm(results, method("metagradient"))
    (label,) = results.label_harm["metagradient"][
        lambda rows: (rows["frame"] == frame) & (rows["keypoint"] == "nose")
    ].itertuples()
    assert (label.move_x, label.move_y) == pytest.approx((-left_of_it[frame], 0))
    pattern = re.compile(rf"networks would move it {left_of_it[frame]:.3g} px left \(agreement 100 %\)")
    line = next(line for line in explain(results, frame) if line.startswith("  nose:") and pattern.search(line))
    assert "harmful" in line
    assert not any(pattern.search(line) for line in explain(study, frame))
    (record,) = [record for record in ranked_frames(results) if record["frame"] == frame]
    assert "label of nose harms" in record["reason"] and pattern.search(record["reason"])


def test_where_networks_put_a_keypoint_the_other_way_no_move_is_suggested(tmp_path):
    study = write_study(tmp_path, frames=32, halves=12, ladder_seeds=0, members=1, missing=False)
    way = study_suspects(study).place - study.labels.xy
    shape = (12, *study.labels.xy.shape[:2])
    position = np.broadcast_to(way, (12, *way.shape))  # against the derivative is away from there
    write_hdf5(
        study.folder / method("metagradient").artefact,
        {name: Array(np.ones(shape) if name == "change" else position, ()) for name in ("change", "position")},
        {},
    )
    table = label_harm(study, method("metagradient"))
    assert len(table) == shape[1] * shape[2]
    assert table["move_x"].isna().all()
    assert table["agreement"].to_numpy() == pytest.approx(1)
