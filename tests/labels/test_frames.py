"""Which frames are held out, and the warnings."""

from itertools import product

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from frameworth.cli.costs import Costs, StudySize
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.frames import collect_frames, read_frames
from frameworth.labels.labellers import read_labellers
from frameworth.labels.labels import read_labels
from frameworth.labels.plant import copy_labelled_frames
from frameworth.plan.config import checked_config
from frameworth.plan.split import hold_out
from frameworth.storage.files import copy_file, write_csv
from tiny import HELD_OUT, draw


@given(frames=st.integers(4, 200), fraction=st.floats(0.1, 0.6), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_fraction_is_held_out_rounded_half_up(frames, fraction, seed):
    names = [f"img{index}.png" for index in range(frames)]
    expected = int(np.floor(fraction * frames + 0.5))
    assume(0 < expected < frames)
    held_out = hold_out(["v"] * frames, names, fraction=fraction, by="frame", seed=seed, pictures=None)
    assert held_out.sum() == expected


def test_costs_count_the_pool_that_the_split_makes():
    for frames, fraction in product(range(4, 60), (0.1, 0.125, 0.25, 0.3, 0.5)):
        options = {"fraction": fraction, "by": "frame"}
        if fraction * frames < 0.5:
            continue  # none would be held out, which is refused
        names = [str(index) for index in range(frames)]
        pool = np.count_nonzero(~hold_out(["v"] * frames, names, seed=1, pictures=None, **options))
        config = checked_config({"study": "x", "labels": "demo", "held_out": options})
        assert Costs(config, StudySize(frames, 64, 48, 3), None).pool == pool, (frames, fraction)


def test_adding_a_frame_moves_at_most_one_other_across():
    names = [f"img{index}.png" for index in range(81)]
    before = hold_out(["v"] * 80, names[:80], fraction=0.25, by="frame", seed=1, pictures=None)
    after = hold_out(["v"] * 81, names, fraction=0.25, by="frame", seed=1, pictures=None)
    assert (before != after[:80]).sum() <= 1


def test_by_video_no_video_is_on_both_sides():
    videos = ["a"] * 10 + ["b"] * 20 + ["c"] * 30
    images = [f"{index}.png" for index in range(60)]
    for seed in range(10):
        held_out = hold_out(videos, images, fraction=0.3, by="video", seed=seed, pictures=None)
        assert 0 < held_out.sum() < 60
        for video in "abc":
            rows = np.array(videos) == video
            assert held_out[rows].all() or not held_out[rows].any()


def test_frames_csv_and_labels_h5_say_what_the_project_holds(tmp_path):
    project = draw(tmp_path / "project", frames=20)
    warnings = collect_frames(project, HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    frames, labels = read_frames(tmp_path / "frames.csv"), read_labels(tmp_path / "labels.h5")
    assert warnings == []
    assert list(frames.columns) == [
        "frame", "video", "image", "width", "height", "labelled_keypoints", "split", "planted",
    ]  # fmt: skip
    assert frames["frame"].tolist() == list(range(20))
    assert set(frames["width"]) == {64}
    assert (frames["split"] == "held-out").sum() == 5
    planted = pd.read_csv(project / "planted.csv")
    assert frames["planted"].notna().sum() == len(planted)
    assert frames.loc[frames["planted"].notna(), "split"].eq("pool").all()
    assert np.isfinite(labels.xy).all(axis=2).sum(axis=1).tolist() == frames["labelled_keypoints"].tolist()
    assert len(set(labels.digests)) == 20


def test_a_study_and_project_that_are_moved_together_or_seen_through_a_link_find_their_images(tmp_path):
    home, scratch = tmp_path / "home", tmp_path / "scratch/deep/results"
    draw(home / "lab/project", frames=20)
    scratch.mkdir(parents=True)
    (home / "lab/results").symlink_to(scratch)
    for study in (home / "lab/results/linked", home / "lab/study"):
        study.mkdir()
        collect_frames(home / "lab/project", HELD_OUT, 1, study / "frames.csv", study / "labels.h5")
    expected = read_project(home / "lab/project").paths
    for study in ("results/linked", "study"):
        assert read_labels(home / "lab" / study / "labels.h5").paths == tuple(map(str, expected))
    (home / "lab").rename(tmp_path / "moved")
    expected = read_project(tmp_path / "moved/project").paths
    assert read_labels(tmp_path / "moved/study/labels.h5").paths == tuple(map(str, expected))


def test_what_was_planted_in_videos_named_like_missing_values_is_known(tmp_path):
    source, project = read_project(draw(tmp_path / "drawn", frames=20)), tmp_path / "project"
    names = dict(zip(dict.fromkeys(source.videos), ("NA", "null", "None"), strict=True))
    videos = [names[video] for video in source.videos]
    for video, image, path in zip(videos, source.images, source.paths, strict=True):
        copy_file(path, project / "labeled-data" / video / image)
    write_collected_data(project, source.scorer, source.keypoints, videos, source.images, source.xy)
    copy_file(source.root / "config.yaml", project / "config.yaml")
    write_csv(project / "planted.csv", pd.DataFrame({"video": videos, "image": source.images, "planted": "moved"}))
    collect_frames(project, HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    assert read_frames(tmp_path / "frames.csv")["planted"].eq("moved").all()


def test_frames_csv_says_who_labelled_the_frames_that_labellers_csv_names(tmp_path):
    project = draw(tmp_path / "project", frames=20)
    collect_frames(project, HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    names = read_frames(tmp_path / "frames.csv")[["video", "image"]]
    named = names.iloc[[3, 1]].assign(labeller=["Ann", "007"])
    elsewhere = pd.DataFrame({"video": ["gone"], "image": ["img.png"], "labeller": ["Ben"]})
    write_csv(project / "labellers.csv", pd.concat([named, elsewhere]))
    copied = tmp_path / "copy"
    copy_labelled_frames(read_project(project), copied)
    assert read_labellers(copied).equals(read_labellers(project))
    collect_frames(project, HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    frames = read_frames(tmp_path / "frames.csv")
    assert frames["labeller"].dropna().to_dict() == {1: "007", 3: "Ann"}


def test_a_twin_across_the_split_is_warned_of_by_name_and_joins_its_twin(tmp_path):
    project = draw(tmp_path / "project", frames=20)
    collect_frames(project, HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    before = read_frames(tmp_path / "frames.csv")
    pool = before[before["split"] == "pool"].iloc[0]
    held_out = before[before["split"] == "held-out"].iloc[0]
    folder = project / "labeled-data"
    # The same pixels in another file: an alpha channel is dropped by whoever reads it.
    Image.open(folder / pool.video / pool.image).convert("RGBA").save(folder / held_out.video / held_out.image)
    (warning,) = collect_frames(project, HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    assert warning.severity == "warning"
    assert f"{pool.video}/{pool.image}" in str(warning)
    assert f"{held_out.video}/{held_out.image}" in str(warning)
    after = read_frames(tmp_path / "frames.csv")
    assert after.loc[pool.frame, "split"] == after.loc[held_out.frame, "split"]


def test_without_twins_the_split_is_what_it_was_and_with_them_no_picture_is_on_both_sides():
    names = [f"{index}.png" for index in range(60)]
    videos = [f"v{index % 6}" for index in range(60)]
    pictures = [*names[:50], *names[:10]]  # ten twins, some of them in another video
    for by, seed in product(("frame", "video"), range(12)):
        options = {"fraction": 0.3, "by": by, "seed": seed}
        plain = hold_out(videos, names, **options, pictures=None)
        assert (hold_out(videos, names, **options, pictures=names) == plain).all()
        held_out = hold_out(videos, names, **options, pictures=pictures)
        assert 0 < held_out.sum() < 60
        sides = {}
        for picture, side in zip(pictures, held_out, strict=True):
            assert sides.setdefault(picture, side) == side
        if by == "video":
            assert all(len(set(held_out[np.array(videos) == video])) == 1 for video in set(videos))


def test_the_split_of_a_seed_stays_what_it_is():
    """Written down from before twins were kept together: studies that ran must not be split anew."""
    names = [f"img{index}.png" for index in range(16)]
    by_frame = hold_out(["v"] * 16, names, fraction=0.25, by="frame", seed=1, pictures=None)
    videos = [f"v{index // 4}" for index in range(16)]
    by_video = hold_out(videos, names, fraction=0.25, by="video", seed=1, pictures=None)
    assert np.flatnonzero(by_frame).tolist() == [0, 2, 4, 12]
    assert np.flatnonzero(by_video).tolist() == [8, 9, 10, 11]
