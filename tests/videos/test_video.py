"""Unlabelled videos: exact decoding in one pass, the consensus of images, and the frames to label next."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from films import write_film
from frameworth.cli.costs import Costs, StudySize
from frameworth.config.result_options import ResultOptions
from frameworth.engine.base import Maps
from frameworth.engine.deeplabcut.networks import Predictor, build_network, pose_config
from frameworth.engine.devices import make_deterministic
from frameworth.errors import UserError
from frameworth.figures import draw_figure, figure_names
from frameworth.labels.images import read_image
from frameworth.labels.labels import Labels
from frameworth.plan.config import check_config
from frameworth.plan.grid import planned_subsets, video_networks
from frameworth.results.results import Results
from frameworth.storage.files import write_json
from frameworth.training.measured import Measured
from frameworth.training.predict import frames_at_once, predict
from frameworth.training.scaling import ScaledFrames
from frameworth.training.scoremaps import CONSENSUS_FORMS
from frameworth.training.store import saved_bytes
from frameworth.videos import video_files
from frameworth.videos.frames_to_label import frames_to_label, shortlist, write_frames_to_label
from frameworth.videos.video import analyse_video, consensus_of_video
from frameworth.videos.video_consensus import VideoConsensus, read_video_consensus, write_video_consensus
from frameworth.videos.video_files import read_video, video_info
from frameworth.videos.video_names import labelled_frames, video_folder
from small_study import run_config
from tiny import TRAINING, config, draw, prepare

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
KEYPOINTS = ("snout", "leftear", "rightear", "tailbase")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    project = draw(tmp_path_factory.mktemp("drawn") / "project")
    return [read_image(path) for path in sorted((project / "labeled-data").rglob("*.png"))]


@pytest.fixture(scope="module")
def networks():
    """Three untrained networks: their maps differ, which is all that is asked of them here."""
    make_deterministic(CPU)
    made = pose_config(TRAINING, KEYPOINTS)
    return [build_network(made, "random", seed) for seed in (1, 2, 3)]


@pytest.fixture
def predictors(networks):
    made = pose_config(TRAINING, KEYPOINTS)
    return [Predictor(made, network, CPU) for network in networks]


def quiet(line: str) -> None:
    """Nobody listens."""


class Constant:
    """In place of a network: a peak at a place of its own, in cells of 8 px, the same in every image."""

    def __init__(self, column: int, row: int) -> None:
        self.column, self.row, self.seen = column, row, []

    def __call__(self, images):
        self.seen.append(len(images))
        shape = (len(images), 1, images[0].shape[0] // 8, images[0].shape[1] // 8)
        confidence = np.zeros(shape, np.float32)
        confidence[..., self.row, self.column] = 0.5
        place = (np.array([self.column, self.row], np.float32) + 0.5) * 8
        pose = np.broadcast_to(place, (len(images), 1, 2))
        return Maps(confidence, np.zeros((*shape, 2), np.float32), pose, np.full(shape[:2], 0.5, np.float32), 8.0)


@pytest.mark.parametrize("codec", ["mp4v", "MJPG"])
def test_frames_come_in_their_order_with_their_times(tmp_path, codec):
    path = write_film(
        tmp_path / "grey.avi", [np.full((48, 64, 3), 6 * number, np.uint8) for number in range(40)], 20, codec
    )
    parts = list(read_video(path, 7))
    assert [len(part.images) for part in parts] == [7] * 5 + [5]
    levels = [image.mean() for part in parts for image in part.images]
    assert levels == pytest.approx(6 * np.arange(40), abs=5)
    assert (np.diff(levels) > 3).all()
    assert np.concatenate([part.seconds for part in parts]) == pytest.approx(np.arange(40) / 20)
    info = video_info(path)
    assert (info.size.tolist(), info.frames, info.rate) == ([64, 48], 40, 20)


def test_colours_are_not_swapped(tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    (part,) = read_video(write_film(tmp_path / "red.avi", [red] * 3, codec="MJPG"), 10)
    assert part.images[1].mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=4)


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0" * 5000])
def test_a_file_that_is_no_video_is_refused_in_one_line(tmp_path, content, capfd):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.mp4: cannot be opened as a video") as refused:
        video_info(path)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_a_video_cut_short_is_analysed_as_far_as_it_goes_with_a_warning(tmp_path, pictures):
    whole = write_film(tmp_path / "whole.avi", pictures * 3, codec="MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    lines: list[str] = []
    consensus = consensus_of_video(
        str(cut), video_info(cut), [Constant(1, 1), Constant(2, 1)], [1, 1], ["nose"], scale=1, form="argmax",
        say=lines.append,
    )  # fmt: skip
    assert 0 < len(consensus.seconds) < 48
    assert f"the file states 48 frames, but only {len(consensus.seconds)} can be decoded" in lines[-1]


@pytest.mark.parametrize("scale", [1, 0.5])
def test_the_consensus_of_a_video_is_that_of_its_frames_as_images(tmp_path, pictures, predictors, scale):
    """The same decoded pictures as labelled images, predicted by what predicts labelled frames."""
    path = write_film(tmp_path / "walk.mp4", pictures)
    paths = []
    for number, image in enumerate(image for part in read_video(path, 5) for image in part.images):
        paths.append(str(tmp_path / f"{number}.png"))
        cv2.imwrite(paths[-1], cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    count = len(paths)
    labels = Labels(
        np.full((count, 4, 2), np.nan), KEYPOINTS, np.zeros((0, 2), int), tuple(paths), ("",) * count,
        np.tile([64, 48], (count, 1)),
    )  # fmt: skip
    images = predict(predictors, ScaledFrames(labels, scale), distractor_radius=10)
    for form in CONSENSUS_FORMS:
        consensus = consensus_of_video(
            str(path), video_info(path), predictors, [1, 1, 1], KEYPOINTS, scale=scale, form=form, say=quiet
        )
        expected = images.consensus_pose[list(CONSENSUS_FORMS).index(form)]
        assert consensus.pose == pytest.approx(expected, abs=1e-3), form
        assert consensus.confidence == pytest.approx(images.consensus_confidence, abs=1e-5)
    assert np.ptp(consensus.pose, axis=0).max() > 1  # frames differ, so a wrong order would be seen
    # By argmax, the form that came last, a network alone says what it says as a member.
    assert consensus.disagreement == pytest.approx(images.spread, abs=1e-3)


def test_disagreement_is_between_ensembles_not_between_members(tmp_path, pictures):
    """Peaks at x = 4, 12 | 28 | 28 px, in an image shown to the networks at half its size.

    The consensus of the first ensemble is the mean of its members by `weighted_mean`, 8 px; so ensembles lie at 16, 56,
    56 px of the video: distances 26⅔, 13⅓, 13⅓ from their mean. Members would have another mean.
    """
    path = write_film(tmp_path / "walk.mp4", [cv2.resize(picture, (128, 96)) for picture in pictures[:3]])
    members = [Constant(0, 1), Constant(1, 1), Constant(3, 1), Constant(3, 1)]
    consensus = consensus_of_video(
        str(path), video_info(path), members, [2, 1, 1], ["nose"], scale=0.5, form="weighted_mean", say=quiet
    )
    expected = np.sqrt((26 + 2 / 3) ** 2 / 3 + 2 * (13 + 1 / 3) ** 2 / 3)
    assert consensus.disagreement == pytest.approx(np.full((3, 1), expected), rel=1e-5)
    assert consensus.pose == pytest.approx(np.broadcast_to([2 * (4 + 12 + 28 + 28) / 4, 24], (3, 1, 2)), rel=1e-5)


def test_each_frame_is_decoded_once_and_few_are_held_however_many_networks_look(tmp_path, pictures, monkeypatch):
    path = write_film(tmp_path / "long.mp4", pictures * 8)
    monkeypatch.setattr("frameworth.training.predict._BATCH_PIXELS", 10 * 64 * 48)
    assert frames_at_once(np.array([64, 48])) == 10
    decoded = []

    class Counting:
        def __init__(self, *arguments):
            self._capture = real(*arguments)

        def read(self):
            done, image = self._capture.read()
            decoded.append(done)
            return done, image

        def __getattr__(self, name):
            return getattr(self._capture, name)

    info, real = video_info(path), cv2.VideoCapture
    monkeypatch.setattr(video_files.cv2, "VideoCapture", Counting)
    members = [Constant(column, 1) for column in range(6)]
    consensus = consensus_of_video(str(path), info, members, [1] * 6, ["nose"], scale=1, form="argmax", say=quiet)
    assert decoded.count(True) == len(consensus.seconds) == 128
    assert all(member.seen == [10] * 12 + [8] for member in members)


def test_progress_is_reported_with_what_is_left(tmp_path, pictures, monkeypatch):
    path = write_film(tmp_path / "long.mp4", pictures * 2)
    monkeypatch.setattr("frameworth.training.predict._BATCH_PIXELS", 8 * 64 * 48)
    monkeypatch.setattr("frameworth.videos.video.SAY_SECONDS", -1)
    lines: list[str] = []
    consensus_of_video(
        str(path), video_info(path), [Constant(1, 1), Constant(2, 2)], [1, 1], ["nose"], scale=1, form="argmax",
        say=lines.append,
    )  # fmt: skip
    assert len(lines) == 5
    assert lines[1].startswith("frame 16 of 32, ")
    assert lines[1].endswith(" s left")
    assert lines[-1].startswith("32 frames in ")


@pytest.fixture(scope="module")
def analysed(tmp_path_factory, pictures, networks):
    """The files of a video, as the stage writes them, with networks from files."""
    folder = tmp_path_factory.mktemp("analysed")
    subset, _ = prepare(folder)
    files = [folder / "ensembles" / "percent-050" / f"seed-{seed}" / "member-0.pt" for seed in (1, 2, 3)]
    for file, network in zip(files, networks, strict=True):
        file.parent.mkdir(parents=True)
        file.write_bytes(saved_bytes({"model": network.state_dict(), "metadata": {"epoch": 0}}))
        write_json(file.parent / "training.json", {"members": [{"diverged": False}]})
    video = str(write_film(folder / "walk.mp4", pictures))
    analyse_video(video, files, subset, folder / "out", training=TRAINING, device="cpu", consensus="argmax")
    return folder / "out", video


def test_networks_from_files_say_what_they_say_in_memory(analysed, predictors):
    folder, video = analysed
    consensus = read_video_consensus(folder / "consensus.h5")
    again = consensus_of_video(
        video, video_info(video), predictors, [1, 1, 1], KEYPOINTS, scale=1, form="argmax", say=quiet
    )
    assert (consensus.video, consensus.keypoints, consensus.size.tolist()) == (video, KEYPOINTS, [64, 48])
    for name in ("pose", "confidence", "disagreement", "seconds"):
        assert np.array_equal(getattr(consensus, name), getattr(again, name)), name


def test_deeplabcut_and_movement_load_the_tables(analysed, tmp_path):
    from deeplabcut.utils.auxiliaryfunctions import load_analyzed_data
    from movement.io import load_poses

    folder, _ = analysed
    consensus = read_video_consensus(folder / "consensus.h5")
    scorer = "frameworth_percent-050"
    (tmp_path / f"walk{scorer}.h5").write_bytes((folder / "consensus_dlc.h5").read_bytes())
    table = load_analyzed_data(tmp_path, "walk", scorer)[0]
    assert table.index.tolist() == list(range(16))
    assert table.columns.names == ["scorer", "bodyparts", "coords"]
    assert table[scorer]["snout"][["x", "y"]].to_numpy() == pytest.approx(consensus.pose[:, 0], abs=1e-4)
    assert table[scorer]["tailbase"]["likelihood"].to_numpy() == pytest.approx(consensus.confidence[:, 3], abs=1e-6)
    for kind in ("h5", "csv"):
        poses = load_poses.from_dlc_file(folder / f"consensus_dlc.{kind}", fps=25)
        position = poses["position"].sel(keypoints=list(KEYPOINTS)).squeeze("individuals", drop=True)
        assert position.transpose("time", "keypoints", "space").to_numpy() == pytest.approx(consensus.pose, abs=1e-4)


def test_the_consensus_goes_to_sleap_as_docs_videos_says(analysed, tmp_path):
    """sleap-io reads DeepLabCut's tables of labelled images only, none of videos; so the arrays are handed over."""
    import sleap_io

    from frameworth.storage.hdf5 import read_hdf5

    folder, video = analysed
    consensus = read_hdf5(folder / "consensus.h5")
    labels = sleap_io.Labels.from_numpy(
        np.dstack([consensus["pose"], consensus["confidence"]])[:, None],
        videos=[sleap_io.load_video(video)],
        skeletons=[sleap_io.Skeleton([str(name) for name in consensus["keypoint"]])],
    )
    labels.save(tmp_path / "walk.slp", embed=False)
    again = sleap_io.load_slp(tmp_path / "walk.slp")
    assert [frame.frame_idx for frame in again] == list(range(16))
    assert again.skeleton.node_names == list(KEYPOINTS)
    poses = np.stack([frame[0].numpy() for frame in again])
    assert poses == pytest.approx(consensus["pose"], abs=1e-4)


# -- which frames to label --------------------------------------------------------------------------------


def video_of(disagreement, pose=None, name="walk.mp4", rate=10.0) -> VideoConsensus:
    """A video [F] whose two keypoints are equally uncertain, or [F, K]."""
    values = np.asarray(disagreement, float)
    values = np.repeat(values[:, None], 2, axis=1) if values.ndim == 1 else values
    frames, keypoints = values.shape
    pose = np.zeros((frames, keypoints, 2)) if pose is None else pose
    return VideoConsensus(
        name, np.array([100, 100]), ("nose", "tail")[:keypoints], np.arange(frames) / rate, pose,
        np.full(values.shape, 0.5), values,
    )  # fmt: skip


def test_planted_lookalikes_are_chosen_one_of_each_kind_and_never_two_of_one_moment():
    """Two situations recur, each for half a second at three moments; the rest is calm."""
    rng = np.random.default_rng(0)
    disagreement = rng.uniform(0, 1, 300)
    pose = np.full((300, 2, 2), 50.0) + rng.normal(0, 0.5, (300, 2, 2))
    moments = {30: 10, 90: 10, 150: 10, 60: 90, 120: 90, 180: 90}
    for start, place in moments.items():
        disagreement[start : start + 5] = 20 + rng.uniform(0, 2, 5)
        pose[start : start + 5] = place + rng.normal(0, 0.5, (5, 2, 2))
    video = video_of(disagreement, pose)
    six = frames_to_label([video], [[]], count=6, seconds_apart=1)
    two = frames_to_label([video], [[]], count=3, seconds_apart=1)
    assert np.diff(np.sort(six["frame"])).min() >= 10
    planted = two[two["disagreement_px"] > 15]
    assert {pose[frame, 0, 0] > 50 for frame in planted["frame"]} == {True, False}
    assert all(any(start <= frame < start + 5 for start in moments) for frame in planted["frame"])
    assert two["rank"].tolist() == [1, 2, 3]
    assert two["disagreement_px"].is_monotonic_decreasing
    listed = shortlist([video], [[]], count=6, seconds_apart=1)
    assert {max(start for start in moments if start <= frame) for _, frame in listed} == set(moments)


def test_labelled_frames_and_their_neighbours_are_not_proposed():
    disagreement = np.ones(60)
    disagreement[[20, 25, 45]] = 30, 20, 10
    everything = shortlist([video_of(disagreement)], [[]], count=2, seconds_apart=1)
    known = shortlist([video_of(disagreement)], [[21, 1000]], count=1, seconds_apart=1)
    assert everything == [(0, 20), (0, 45)]
    assert known == [(0, 45)]


def test_distance_is_in_time_not_in_frames():
    video = video_of([9, 8, 7, 6])
    slow = VideoConsensus(**{**vars(video), "seconds": np.array([0, 0.1, 5, 5.1])})
    assert shortlist([slow], [[]], count=4, seconds_apart=1) == [(0, 0), (0, 2)]
    assert [frame for _, frame in shortlist([slow], [[]], count=4, seconds_apart=0)] == [0, 1, 2, 3]


def test_videos_compete_with_each_other_and_short_ones_give_what_they_have():
    places = np.random.default_rng(0).uniform(0, 100, (50, 2, 2))
    calm, wild = video_of(np.full(50, 0.1), places, "a/walk.mp4"), video_of([5, 0, 50], name="b/walk.mp4")
    table = frames_to_label([calm, wild], [[], []], count=4, seconds_apart=1)
    assert table.loc[0, ["rank", "video", "frame", "time_s"]].tolist() == [1, "b/walk.mp4", 2, 0.2]
    assert set(table["video"][1:]) == {"a/walk.mp4"}
    assert frames_to_label([wild], [[0, 2]], count=4, seconds_apart=1).empty


def test_one_keypoint_far_off_counts_and_does_not_drown_the_others():
    video = video_of([[300.0, 0.0], [25.0, 25.0], [10.0, 10.0]])
    assert video.frame_disagreement == pytest.approx([np.sqrt(301) - 1, 25, 10])
    table = frames_to_label([video], [[]], count=3, seconds_apart=0)
    assert table["frame"].tolist() == [1, 0, 2]
    assert table["most_uncertain_keypoint"][1] == "nose"


def test_the_table_leaves_out_what_the_project_has_labelled(tmp_path):
    disagreement = np.ones(80)
    disagreement[[10, 40, 70]] = 30, 20, 10
    video = video_of(disagreement, name="videos/walk.mp4")
    video = VideoConsensus(**{**vars(video), "pose": np.random.default_rng(0).uniform(0, 100, (80, 2, 2))})
    write_video_consensus(tmp_path / "walk", video, "frameworth", {})
    frames = pd.DataFrame({"video": ["walk", "other"], "image": ["img010.png", "img040.png"]})
    frames.to_csv(tmp_path / "frames.csv", index=False)
    write_frames_to_label(tmp_path, [tmp_path / "walk" / "consensus.h5"], count=2, seconds_apart=3)
    table = pd.read_csv(tmp_path / "frames_to_label.csv")
    assert table.columns.tolist() == [
        "rank", "video", "frame", "time_s", "disagreement_px", "confidence", "most_uncertain_keypoint"
    ]  # fmt: skip
    assert table["frame"].tolist() == [40, 70]
    assert table["video"].tolist() == ["videos/walk.mp4"] * 2


def test_labelled_frames_are_recognised_by_the_names_that_deeplabcut_gives():
    videos = ["walk", "walk", "walk", "run"]
    images = ["img0012.png", "img7.jpg", "picture-3.png", "img5.png"]
    assert labelled_frames("a b/walk.mp4", videos, images) == [7, 12]


# -- the config, names and cost ---------------------------------------------------------------------------


def test_folders_differ_for_the_same_name_in_two_places_and_are_plain():
    names = [video_folder(path) for path in ("a/walk.mp4", "b/walk.mp4", "b/walk.avi")]
    assert len(set(names)) == 3
    assert all(name.startswith("walk-") for name in names)
    assert video_folder("./a//walk.mp4") == names[0]
    for odd in ('../été d\'$(x) "1".mp4', "视频.mp4", "-.mp4", "x" * 300 + ".mp4", ".."):
        assert video_folder(odd).isascii()
        assert not set(video_folder(odd)) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert len(video_folder(odd)) < 60


def study_with(folder: Path, monkeypatch, **changes):
    monkeypatch.chdir(folder)
    (folder / "walk.mp4").write_bytes(b"x")
    (folder / "empty.mp4").touch()
    return check_config(config("project", **({"videos": ["walk.mp4"]} | changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"videos": ["gone.mp4"]}, r"videos\[0\]: there is no file 'gone.mp4'"),
        ({"videos": ["walk.mp4", "empty.mp4"]}, r"videos\[1\]: 'empty.mp4' is empty"),
        ({"videos": ["walk.mp4", "./walk.mp4"]}, "is the same file as 'walk.mp4'"),
        ({"videos": ["{walk}.mp4"]}, "holds a brace"),
        ({"keep_snapshots": False}, "keep_snapshots: false keeps none"),
        ({"subsets": [{"design": "balanced", "percents": [50, 90], "seeds": 1}]}, r"largest percent \(90\)"),
        ({"video": {"networks": 1}}, "must be at least 2"),
    ],
)
def test_videos_that_cannot_be_analysed_are_refused_with_the_config(tmp_path, monkeypatch, changes, words):
    with pytest.raises(UserError, match=words) as refused:
        study_with(tmp_path, monkeypatch, **changes)
    assert "\n" not in str(refused.value)


def test_networks_are_those_of_the_largest_subsets_a_first_of_each_before_a_second(tmp_path, monkeypatch):
    blocks = [
        {"design": "balanced", "percents": [50], "seeds": 9, "members": 1},
        {"design": "nested", "percents": [30, 90], "seeds": 4, "members": [1, 3]},
    ]
    made = study_with(tmp_path, monkeypatch, subsets=blocks, video={"networks": 6})
    chosen = [(subset.percent, subset.seed, member) for subset, member in video_networks(made)]
    assert chosen == [(90, 1, 0), (90, 1, 1), (90, 2, 0), (90, 2, 1), (90, 3, 0), (90, 4, 0)]
    made = study_with(tmp_path, monkeypatch, subsets=blocks)
    assert len(video_networks(made)) == 12
    assert len(planned_subsets(made)) == 17


def test_minutes_grow_with_frames_and_networks(tmp_path, monkeypatch):
    made = study_with(tmp_path, monkeypatch)
    size, speed = StudySize(100, 640, 480, 4), Measured(0.24, "cuda", 5, 0)
    costs = Costs(made, size, speed)
    few, many = (costs.minutes(costs.video_seconds(frames, 16)) for frames in (4_000, 40_000))
    assert few == 10 + 3 * 16 * 4_000 / 4 * 0.24 / 3 / 60
    assert many - 10 == pytest.approx(10 * (few - 10), abs=1)


# -- the figure -------------------------------------------------------------------------------------------


def test_the_figure_keeps_every_peak_and_marks_what_was_chosen(tmp_path):
    """Ten thousand frames are drawn as 600 stretches; one frame's peak is in its stretch all the same."""
    disagreement = np.ones(10_000)
    disagreement[[1234, 7000]] = 50, 40
    video = video_of(disagreement, np.random.default_rng(0).uniform(0, 100, (10_000, 2, 2)), "walk $1.mp4")
    write_video_consensus(tmp_path / "videos" / "walk-1", video, "frameworth", {})
    frames_to_label([video], [[]], count=2, seconds_apart=1).to_csv(tmp_path / "frames_to_label.csv", index=False)
    results = Results(tmp_path, ResultOptions(videos=["walk-1"]))
    draw_figure("video_disagreement", results, tmp_path / "figures")
    table = pd.read_csv(tmp_path / "figures" / "video_disagreement.csv")
    assert len(table) == 600
    marked = table.dropna(subset=["rank"]).sort_values("rank")
    assert marked["disagreement_px"].iloc[0] == pytest.approx(50)
    assert marked["time_s"].iloc[0] == pytest.approx(123.4, abs=2)
    assert table["median_px"].max() < 2
    assert "video_disagreement" in figure_names(0, [], videos=True)
    assert "video_disagreement" not in figure_names(0, [])
    assert (Path(__file__).parents[2] / "workflow" / "report" / "video_disagreement.rst").read_text().count("\n") == 1


# -- the workflow -----------------------------------------------------------------------------------------


def test_the_workflow_analyses_videos_of_odd_names_and_a_video_added_alone(tmp_path, pictures):
    """A refused video trains nothing; two of one name do not collide; an added one outdates no other and no network."""
    draw(tmp_path / "project")
    odd = 'b/it\'s "$(touch pwned)" été; .avi'
    for name, some in (("a/walk.avi", pictures), ("b/walk.avi", pictures[::-1]), (odd, pictures[4:9])):
        write_film(tmp_path / name, [picture for picture in some for _ in range(3)], 5, "MJPG")
    (tmp_path / "broken.avi").write_text("no video")

    def run(videos: list[str], *arguments: str, check: bool = True):
        study = config("project", videos=videos, video={"frames_to_label": 4, "seconds_apart": 0.5})
        study["training"]["subsets_per_job"] = 3
        targets = ["results/tiny/frames_to_label.csv", "results/tiny/figures/video_disagreement.png"]
        return run_config(tmp_path, study, *targets, *arguments, check=check)

    refused = run(["a/walk.avi", "broken.avi"], check=False)
    assert refused.returncode != 0
    assert "broken.avi: cannot be opened as a video" in refused.stdout + refused.stderr
    assert not (tmp_path / "results").exists()
    done = run(["a/walk.avi", odd])
    assert f"Looks at {odd} with 3 networks" in done.stdout + done.stderr
    results = tmp_path / "results" / "tiny"
    first = {path.name: path for path in (results / "videos").iterdir()}
    assert set(first) == {video_folder("a/walk.avi"), video_folder(odd)}
    assert not (tmp_path / "pwned").exists()
    assert "48 frames in" in (tmp_path / "logs" / "tiny" / "videos" / f"{video_folder('a/walk.avi')}.log").read_text()
    table = pd.read_csv(results / "frames_to_label.csv")
    assert set(table["video"]) <= {"a/walk.avi", odd}
    assert len(table) == 4
    more = run(["a/walk.avi", odd, "b/walk.avi"], "--dry-run")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", more.stdout + more.stderr, re.M))
    assert jobs == {"video": "1", "frames_to_label": "1", "draw_video_disagreement": "1", "total": "3"}
