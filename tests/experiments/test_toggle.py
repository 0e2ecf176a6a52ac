"""The toggled group: trainings that differ only in the group, and a paired comparison."""

import json

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.answer import Toggled, toggled
from frameworth.config.experiments import Toggle
from frameworth.errors import UserError
from frameworth.experiments.toggle import (
    compare_sides,
    group_of,
    parts_of,
    side_frames,
    statement,
    write_side,
    write_toggle,
)
from frameworth.training.ensemble import run_ensembles
from small_ensemble import OPTIONS
from small_study import run_config
from tiny import config, draw, prepare

pytestmark = pytest.mark.slow

VALUES = pd.DataFrame({"frame": [7, 2, 9, 4], "verdict": ["check label", "check label", "undecided", "undecided"]})


def test_the_group_is_what_is_flagged_unless_frames_are_named():
    assert group_of(VALUES, Toggle()).tolist() == [7, 2]
    assert group_of(VALUES, Toggle(frames=[9])).tolist() == [9]
    with pytest.raises(UserError, match="frame 5 is not in the pool"):
        group_of(VALUES, Toggle(frames=[5]))
    assert group_of(VALUES.assign(verdict="undecided"), Toggle()).tolist() == []


def test_a_group_that_is_the_whole_pool_has_no_common_frames_and_is_refused():
    pool = np.arange(4)
    with pytest.raises(UserError, match="the group is the whole pool"):
        side_frames(pool, pool[::-1], parts=1, side="with", pair=1, study_seed=1)
    assert list(side_frames(pool, pool[:3], parts=1, side="without", pair=1, study_seed=1)) == [3]


def test_parts_make_up_the_group():
    parts = parts_of(np.arange(5), 2)
    assert parts["with"].tolist() == [0, 1, 2, 3, 4]
    assert sorted([*parts["part-1"], *parts["part-2"]]) == [0, 1, 2, 3, 4]
    assert list(parts_of(np.arange(5), 1)) == ["without", "with"]
    assert [len(part) for part in parts_of(np.arange(2), 3).values()] == [0, 2, 1, 1, 0]


def test_the_comparison_is_a_paired_t_test():
    rng = np.random.default_rng(0)
    level = rng.normal(size=12) * 5
    table = compare_sides({"without": level, "with": level + 1 + 0.1 * rng.normal(size=12)}, 0.95)
    assert len(table) == 1
    assert table.loc[0, "ci_low"] < 1 < table.loc[0, "ci_high"]
    assert table.loc[0, "t"] > 20
    assert table.loc[0, "p"] < 1e-6


def test_of_many_parts_none_is_said_to_harm_that_chance_alone_explains():
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(200):
        sides = {f"part-{number}": rng.normal(size=12) for number in range(1, 7)}
        table = compare_sides({"without": np.zeros(12), "with": rng.normal(size=12)} | sides, 0.95).assign(frames="1 2")
        called += any("harms" in sentence or "helps" in sentence for sentence in statement(table, 0.05)[1:])
        assert table.loc[0, "p_adjusted"] == table.loc[0, "p"]
    assert called <= 18  # 10 expected at 5 %; without counting the parts it would be 53


@pytest.mark.parametrize(("left", "words"), [(0, "nothing is known"), (1, "nothing is known"), (2, "its 1 frame")])
def test_of_no_or_one_pair_that_is_left_nothing_is_reported(left: int, words: str):
    harm = np.where(np.arange(4) < left, [1.0, 2.0, 3.0, 4.0], np.nan)
    (sentence,) = statement(compare_sides({"without": np.zeros(4), "with": harm}, 0.95).assign(frames=7), 0.05)
    assert words in sentence
    assert "nan" not in sentence


def test_where_a_single_frame_is_held_out_what_it_says_is_not_said_to_hold_for_others():
    effect = 0.2 + 0.05 * np.random.default_rng(0).normal(size=(16, 1, 3))
    table = compare_sides({"without": np.zeros_like(effect), "with": effect}, 0.95).assign(frames="1 2 3")
    assert statement(table, 0.05)[0].endswith("On other held-out frames it may be nothing: these are few.")
    assert toggled(table, 0.05) == Toggled(3, pytest.approx(effect.mean()), decided=True, elsewhere=False, pairs=16)


def test_intervals_over_networks_and_frames_hold_what_is_true_of_all_frames():
    """A group whose effect differs from frame to frame: an interval over networks alone is of these frames only."""
    covered, of_these = 0, 0
    for number in range(200):
        rng = np.random.default_rng(number)
        frames, pairs = 0.1 * rng.normal(size=(1, 24, 1)), 0.05 * rng.normal(size=(16, 1, 1))
        effect = 0.2 + frames + pairs + 0.1 * rng.normal(size=(16, 24, 3))
        effect[:, 0, 1] = np.nan  # a label that is not there
        row = compare_sides({"without": np.zeros_like(effect), "with": effect}, 0.95).iloc[0]
        covered += row["two_way_low"] <= 0.2 <= row["two_way_high"]
        of_these += row["ci_low"] <= 0.2 <= row["ci_high"]
        assert row["difference"] == pytest.approx(np.nanmean(effect))
    assert covered >= 182  # .05 quantile of 200 at .94
    assert of_these < 170


def test_the_workflow_toggles_frames_of_a_study_with_common_bases_and_seeds(tmp_path):
    draw(tmp_path / "project", frames=20)
    run_config(tmp_path, config("project"), "results/tiny/frames.csv")
    pool = pd.read_csv(tmp_path / "results/tiny/frames.csv").query("split == 'pool'")["frame"].tolist()[:3]
    run_config(tmp_path, config("project", toggle={"pairs": 2, "frames": pool, "parts": 2}), "results/tiny/toggle.csv")
    table = pd.read_csv(tmp_path / "results/tiny/toggle.csv").set_index("arm")
    assert table["frames"].to_dict() == {
        "with": " ".join(map(str, pool)), "part-1": " ".join(map(str, pool[:2])), "part-2": str(pool[2]),
    }  # fmt: skip
    for pair in (1, 2):
        frames, seeds = {}, set()
        for arm in ("without", "with", "part-1", "part-2"):
            folder = tmp_path / "results/tiny/toggle" / arm
            listed = json.loads((folder / f"subsets/percent-050/seed-{pair}.json").read_text())["frames"]
            frames[arm] = {frame["frame"] for frame in listed}
            record = json.loads((folder / f"percent-050/seed-{pair}/training.json").read_text())
            seeds.add(record["members"][0]["seed"])
        assert frames["with"] - frames["without"] == set(pool)
        assert frames["part-1"] | frames["part-2"] == frames["with"]
        assert not frames["without"] & set(pool)
        assert len(seeds) == 1


@pytest.mark.parametrize("flagged", [0, 1])
def test_what_is_not_there_is_not_trained_on_and_is_no_failure(tmp_path, flagged):
    """Nothing flagged: no network and a table without rows. One frame in two parts: no network of the second part."""
    toggle = Toggle(pairs=2, parts=2)
    _, labels = prepare(tmp_path)
    frames = pd.read_csv(tmp_path / "frames.csv")
    pool = frames.loc[frames["split"] == "pool", "frame"]
    verdicts = ["check label"] * flagged + ["undecided"] * (len(pool) - flagged)
    pd.DataFrame({"frame": pool, "verdict": verdicts}).to_csv(tmp_path / "frame_values.csv", index=False)
    for arm in ("without", "with", "part-1", "part-2"):
        for pair in (1, 2):
            write_side(tmp_path, toggle, arm, pair, 1)
            path = tmp_path / f"toggle/{arm}/subsets/percent-050/seed-{pair}.json"
            run_ensembles([path], labels, tmp_path / "toggle" / arm, tmp_path / "store", members=1, **OPTIONS)
            made = {path.name for path in (tmp_path / "toggle" / arm / f"percent-050/seed-{pair}").iterdir()}
            assert made == {"member-0.pt", "training.json", "predictions.h5", "consensus.h5", "consensus_dlc.csv",
                            "consensus_dlc.h5"}  # fmt: skip
    table = write_toggle(tmp_path, toggle, 0.95)
    assert pd.read_csv(tmp_path / "toggle.csv")["arm"].tolist() == ["with", "part-1"][: 2 * flagged]
    trained = list((tmp_path / "store").glob("*/network.pt"))
    assert len(trained) == 4 * flagged  # `with` and its only part have the same frames and seed
    assert statement(table, 0.05)[0].startswith(
        "The toggled group: its " if flagged else "No label of the pool is flagged"
    )
