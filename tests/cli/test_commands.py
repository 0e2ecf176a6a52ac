"""The commands that users type, on studies with and without results."""

import io
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sleap_io
import yaml
from click.testing import CliRunner

from conftest import run_snakemake
from frameworth import suspect_labels
from frameworth.__main__ import main
from frameworth.answers.explaining import frame_number
from frameworth.cli import first_config, progress
from frameworth.cli.checking import LEAST_SIDE
from frameworth.cli.failures import Failures
from frameworth.cli.first_config import Look, study_name
from frameworth.cli.running import run_workflow, runs_whole_study, snakemake_command
from frameworth.config.experiments import Prune
from frameworth.experiments.prune import compare_pruned
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.subsets import read_subset
from frameworth.plan.config import check_config
from frameworth.results.results import Results
from frameworth.storage.files import copy_file
from frameworth.training.store import Entry
from tiny import config, correct_label, draw, pretend_networks, read_frames_of, write_config

pytestmark = [pytest.mark.usefixtures("engine"), pytest.mark.slow]


def called(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(here, finished_study):
    """A synthetic study with results, and its config."""
    shutil.copytree(finished_study, here, dirs_exist_ok=True)
    return Results(here / "results" / "tiny")


def test_init_writes_a_config_that_the_workflow_takes_and_names_what_it_saw(here):
    draw(here / "my mice-Ann-2026-01-02")
    done = called("init", "my mice-Ann-2026-01-02", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "16 labelled frames of 3 videos, 4 keypoints, 64×48 px" in done.output
    written = check_config(yaml.safe_load(Path("my_mice.yaml").read_text()))
    assert (written.study, written.labels) == ("my_mice", "my mice-Ann-2026-01-02")
    assert {choice.crop for choice in written.pilot.choices} == {None}


def test_init_says_what_check_says_and_has_written_the_config_all_the_same(here):
    draw(here / "mice")
    correct_label(here / "mice", "round-mat", "img0000.png", shift=9999)
    done = called("init", "mice", "--device", "cpu")
    assert done.exit_code == 0, done.output
    problems = [line for line in done.output.splitlines() if line.startswith(("error: ", "warning: "))]
    checked = called("check", "--configfile", "mice.yaml")
    (counts,) = [line for line in checked.output.splitlines() if line.startswith("mice.yaml: ")]
    problems_of_check, _, first_look = checked.output.partition(counts)
    assert problems == problems_of_check.splitlines()
    assert "first look, without networks" in first_look
    assert first_look.strip() in done.output
    assert any("outside the image" in line for line in problems)


def test_init_puts_the_config_beside_others_and_overwrites_nothing(here):
    draw(here / "mice")
    (here / "config").mkdir()
    assert called("init", "mice", "--device", "cpu").exit_code == 0
    before = Path("config/mice.yaml").read_text()
    again = called("init", "mice", "--device", "cpu")
    assert again.exit_code == 2
    assert "config/mice.yaml: is there already" in again.output
    assert Path("config/mice.yaml").read_text() == before


def test_a_command_of_its_own_says_of_the_network_what_one_does_where_pytorch_is_imported(here):
    draw(here / "mice")
    assert called("init", "mice", "--device", "cpu").exit_code == 0
    config = yaml.safe_load(Path("mice.yaml").read_text())
    config.pop("pilot")
    config["training"] = {"net_type": "resnet_51", "steps": 6}
    Path("mice.yaml").write_text(yaml.safe_dump(config))
    within = called("check", "--configfile", "mice.yaml")
    command = [sys.executable, "-m", "frameworth", "check", "--configfile", "mice.yaml"]
    apart = subprocess.run(command, capture_output=True, text=True)
    assert "training.net_type" in within.output
    assert (apart.stdout, apart.returncode) == (within.output, within.exit_code)


def look(frames=100, keypoints=4, width=640, height=480, extent=110.0, neighbour=30.0, sizes=1, videos=1):
    return Look(
        frames, keypoints, videos, width, height, extent, neighbour, sizes, min(width, height), by_video=videos > 5
    )


@pytest.mark.parametrize(
    ("seen", "sides", "cropped"),
    [
        (look(width=406, height=396, extent=360, neighbour=26), {96, 128, 192}, False),  # two mirror views of a mouse
        (look(width=192, height=192, extent=150, neighbour=9), {96, 128, 192}, False),  # a fly that fills the frame
        (look(width=192, height=192, extent=150, neighbour=7), {128, 192, 256}, False),
        (look(width=1920, height=1080, extent=100, neighbour=25), {96, 128}, True),  # a small animal in a large arena
        (look(width=3000, height=2000, extent=1800, neighbour=200), {96, 128, 192}, False),
        (look(keypoints=1, extent=0, neighbour=0), {96, 128, 192}, False),  # one keypoint has no extent
        (look(keypoints=60, width=800, height=600, extent=500, neighbour=4), {128, 192, 256}, False),
        (look(width=96, height=80, extent=60, neighbour=12, sizes=3), {96, 128}, False),  # not blown up for nothing
    ],
)
def test_sizes_tell_typical_neighbours_apart_and_small_animals_are_cut_out(seen, sides, cropped):
    sizes = first_config.sizes_to_try(seen)
    view = max(2 * seen.extent, 64) if cropped else max(seen.width, seen.height)
    assert {round(scale * view) for scale in sizes.scales} == sides
    assert all((crop is not None) == cropped for crop in sizes.crops)


@pytest.mark.parametrize("extent", [0.0, 3.0, 30.0, 300.0, 3000.0])
@pytest.mark.parametrize("neighbour", [0.0, 0.5, 5.0, 50.0, 500.0])
@pytest.mark.parametrize("frame", [(64, 48), (640, 480), (4000, 3000), (1280, 200), (2000, 60), (40, 2000)])
def test_any_project_gets_a_config_that_is_valid_and_whose_whole_frames_can_be_predicted(extent, neighbour, frame):
    seen = look(width=frame[0], height=frame[1], extent=extent, neighbour=neighbour)
    written = check_config(yaml.safe_load(first_config.first_config("demo", "x", seen, gpu=False)))
    for choice in written.pilot.choices:
        crop = choice.crop
        assert crop is None or 64 <= crop <= 256
        assert max(frame) * choice.scale <= 1280 or crop == 64
        assert round(min(frame) * choice.scale) >= LEAST_SIDE


def test_on_a_gpu_networks_are_the_stock_ones_and_many_videos_are_held_out_whole():
    seen = look(frames=500, videos=9)
    written = check_config(yaml.safe_load(first_config.first_config("demo", "x", seen, gpu=True)))
    assert (written.training.net_type, written.training.weights) == ("resnet_50", "imagenet")
    assert written.pilot is None
    assert written.held_out.by == "video"


def test_many_videos_that_share_one_picture_are_held_out_by_frame(here):
    drawn, project = read_project(draw(here / "drawn")), here / "mice"
    videos = [f"video{frame // 2}" for frame in range(12)]
    images = [f"img{frame}.png" for frame in range(12)]
    for frame, (video, image) in enumerate(zip(videos, images, strict=True)):
        copy_file(drawn.paths[0 if frame % 2 else frame], project / "labeled-data" / video / image)
    write_collected_data(project, drawn.scorer, drawn.keypoints, videos, images, drawn.xy[:12])
    copy_file(drawn.root / "config.yaml", project / "config.yaml")
    done = called("init", "mice", "--device", "cpu")
    assert "error" not in done.output.replace("0 errors", "")
    assert yaml.safe_load(Path("mice.yaml").read_text())["held_out"]["by"] == "frame"
    copy_file(drawn.paths[13], project / "labeled-data/video3/img7.png")
    assert called("init", "mice", "--device", "cpu", "--study", "other").exit_code == 0
    assert yaml.safe_load(Path("other.yaml").read_text())["held_out"]["by"] == "video"


def test_neighbours_and_extent_are_those_of_the_labels(here):
    folder = draw(here / "mice")
    nearest, boxes = [], []
    for frame in read_project(folder).xy:
        known = frame[np.isfinite(frame).all(axis=1)]
        for place, point in enumerate(known):
            others = np.delete(known, place, axis=0)
            nearest += [min(np.linalg.norm(point - other) for other in others)] if len(others) else []
        boxes.append(max(np.ptp(known, axis=0)))
    seen = first_config.look_at(folder)
    assert seen.neighbour == pytest.approx(np.median(nearest))
    assert seen.extent == pytest.approx(np.quantile(boxes, 0.9))


def test_init_of_a_project_with_an_error_proposes_no_run_before_it_is_mended(here):
    folder = draw(here / "mice")
    image = next(folder.glob("labeled-data/*/*.png"))
    image.write_bytes(image.read_bytes()[:400])  # its header can still be read
    done = called("init", "mice", "--device", "cpu")
    assert "frameworth check --configfile mice.yaml" in done.output
    assert "frameworth run" not in done.output


def test_init_writes_nothing_under_a_name_that_no_study_can_have(here):
    draw(here / "mice")
    done = called("init", "mice", "--device", "cpu", "--study", "my mice")
    assert done.exit_code == 2
    assert "study: 'my mice' may hold letters" in done.output
    assert not list(here.glob("*.yaml"))


@pytest.mark.parametrize(
    ("labels", "study"),
    [*((name, name) for name in ("2024-05-01", "20240501", "1e5", "no", "1_000", "007")),
     *((name, "s") for name in ('a\'b "c"', "$(touch x)", "ä: [1]", "x: - y", "~/x #1", "🐭 lab", "a\u2028b"))],
)  # fmt: skip
def test_names_of_a_study_and_its_labels_that_yaml_would_read_otherwise_are_put_in_quotes(labels, study):
    written = yaml.safe_load(first_config.first_config(labels, study, look(), gpu=False))
    assert (written["study"], written["labels"]) == (study, labels)


def test_init_of_very_few_frames_says_how_many_it_takes(here, monkeypatch):
    few = look(frames=5)
    monkeypatch.setattr(first_config, "look_at", lambda labels: few)
    done = called("init", "mice", "--device", "cpu")
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "5 labelled frames" in done.output
    assert "at least 8" in done.output
    assert not Path("mice.yaml").exists()


def test_init_says_in_one_line_that_no_folder_has_so_long_a_name(here):
    done = called("init", "m" * 300, "--device", "cpu")
    assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
    assert "cannot be a folder" in done.output


def test_status_says_that_no_folder_has_so_long_a_name(here):
    write_config(here / "tiny.yaml", config("m" * 300))
    done = called("status", "--configfile", "tiny.yaml")
    assert done.exit_code == 0, done.output
    assert "cannot be a folder" in done.output


def test_init_quotes_a_config_with_a_blank_in_the_commands_to_type(here):
    draw(here / "mice")
    done = called("init", "mice", "--out", "my mice.yaml", "--device", "cpu")
    assert "frameworth estimate --configfile 'my mice.yaml' " in done.output
    assert "frameworth run --configfile 'my mice.yaml' " in done.output
    assert "snakemake --cores all --configfile 'my mice.yaml'" in done.output


def test_init_looks_at_labels_of_other_tools_too(here):
    sleap_io.save_slp(sleap_io.load_dlc_project(str(draw(here / "mice"))), "walking mice.slp", embed=False)
    done = called("init", "walking mice.slp", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "16 labelled frames of 3 videos, 4 keypoints, 64×48 px" in done.output
    assert yaml.safe_load(Path("walking_mice.yaml").read_text())["labels"] == "walking mice.slp"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("openfield-Pranav-2018-10-30", "openfield"),
        ("Händedruck 3", "H_ndedruck_3"),
        ("(", "study"),
        ("a-b.slp", "a-b"),
        ("mirror.mouse/CollectedData.csv", "mirror.mouse"),
        ("mice/CollectedData_new.csv", "mice"),
        ("m" * 90 + "-Ann-2020-01-01", "m" * 80),
    ],
)
def test_a_study_is_named_after_the_projects_task(folder, name):
    assert study_name(Path(folder)) == name


def test_explain_tells_a_frames_rank_labels_and_worth(study):
    first = study.frame_values.iloc[0]
    done = called("explain", str(first["frame"]), "--configfile", "study.yaml")
    assert done.exit_code == 0, done.output
    assert f"walk/{first['image']}" in done.output
    assert f"Out-of-bag error {first['out_of_bag_error']:.1f} px" in done.output
    checked = study.label_checks.set_index("frame").loc[first["frame"]]
    assert f"Rank {checked['rank']} of 20 labels to check" in done.output
    assert f"Verdict: {first['verdict']}." in done.output
    by_name = called("explain", f"walk/{first['image']}", "--configfile", "study.yaml")
    assert by_name.output == done.output


def test_explain_compares_each_label_with_the_networks_that_did_not_see_the_frame(study):
    frame = int(study.frame_values.iloc[0]["frame"])
    percents = study.subsets["percent"].to_numpy()
    seen = suspect_labels(study.scores["consensus_pose"], study.labels.xy, study.inclusion, percents=percents)
    apart = np.linalg.norm(seen.place[frame, 0] - study.labels.xy[frame, 0])
    done = called("explain", str(frame), "--configfile", "study.yaml")
    assert re.search(rf"nose: .*, {apart:.1f} px apart", done.output)


@pytest.mark.parametrize(("changed", "was"), [({"score": "error"}, "log_probability"), ({"level": 0.9}, 0.95)])
def test_numbers_that_were_estimated_otherwise_than_the_config_says_are_not_shown_as_the_configs(study, changed, was):
    config_of_mice = yaml.safe_load(Path("study.yaml").read_text())
    write_config(Path("study.yaml"), config_of_mice | {"influence": config_of_mice["influence"] | changed})
    ((key, now),) = changed.items()
    for command in (["explain", "1"], ["plan"]):
        done = called(*command, "--configfile", "study.yaml")
        assert done.exit_code == 2
        assert f"influence.{key}: is {now}, and results/tiny was estimated with {was}" in done.output
    output = called("status", "--configfile", "study.yaml").output
    assert "This was found before the labels or the config changed:" in output
    assert "Next    frameworth run --configfile study.yaml\n" in output


def test_explain_tells_what_there_is_while_a_method_that_the_config_asks_for_has_still_to_run(study):
    frame = str(study.frame_values.iloc[0]["frame"])
    before = called("explain", frame, "--configfile", "study.yaml")
    config_of_mice = yaml.safe_load(Path("study.yaml").read_text())
    asked = {"metagradient": {"networks": 2}}
    write_config(Path("study.yaml"), config_of_mice | {"influence": config_of_mice["influence"] | asked})
    done = called("explain", frame, "--configfile", "study.yaml")
    assert (done.exit_code, done.output) == (0, before.output)


@pytest.mark.parametrize("frame", ["99", "walk/none.png"])
def test_explain_names_a_frame_that_is_not_there(study, frame):
    done = called("explain", frame, "--configfile", "study.yaml")
    assert done.exit_code == 2
    assert done.output.startswith(f"frameworth: frame {frame}: there is no such frame")


@pytest.mark.parametrize(("stored", "typed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_frame_is_found_however_its_name_is_composed(stored, typed):
    frames = pd.DataFrame({"video": ["Mäuse", "day"], "image": ["für.png", "a.png"]})
    results = SimpleNamespace(frames=frames.apply(lambda names: names.str.normalize(stored)), folder="results/s")
    for name in ("Mäuse/für.png", "für.png"):
        assert frame_number(results, unicodedata.normalize(typed, name)) == 0


@pytest.fixture
def begun(here):
    """The checked config of a study whose labels were read and of which nothing is trained."""
    draw(here / "mice")
    blocks = [
        {"design": "balanced", "percents": [50], "seeds": 10},
        {"design": "nested", "percents": [10, 30, 70, 90], "seeds": 2, "members": 2},
    ]
    write_config(here / "study.yaml", config("mice", subsets=blocks))
    checked = check_config(yaml.safe_load(Path("study.yaml").read_text()))
    read_frames_of(checked)
    return checked


def test_progress_counts_finished_networks_and_the_shares_of_those_that_train(begun):
    pretend_networks(begun, 50, 1)
    pretend_networks(begun, 70, 2, members=2, design="nested")
    entry = Entry(Path("results/tiny/.store/of-seed-2"))
    entry.write_progress(3, 12, 40.0)
    now = progress.study_progress(begun)
    assert (now.planned, now.finished, now.training) == (26, 3, 1)  # a seed of the ladder has two members
    assert now.done == pytest.approx(3.25)
    assert now.samples_per_second == 40
    entry.finish({"model": {}}, {})
    assert progress.study_progress(begun).training == 0


def test_the_time_left_follows_from_what_this_run_has_done(begun, monkeypatch):
    for seed in (1, 2, 3):  # of an earlier run: they say nothing of this one's speed
        pretend_networks(begun, 50, seed)
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    meter = progress.Meter(begun)
    assert meter.line() == "networks 3 of 26 (12 %)"
    for seed in (4, 5):
        pretend_networks(begun, 50, seed)
    clock[0] += 20.0
    # Two networks of 6 steps of 4 frames in 20 s; 21 are left.
    assert meter.line() == "networks 5 of 26 (19 %), 2 samples/s, about 4 min left"


def test_status_says_what_a_correction_outdates(begun):
    for seed in range(1, 11):
        pretend_networks(begun, 50, seed)
    frame = pd.read_csv("results/tiny/frames.csv").query("split == 'pool'").iloc[0]
    holds = [frame["frame"] in read_subset(path).frames for path in Path("results/tiny/subsets").rglob("*.json")]
    correct_label(Path("mice"), frame["video"], frame["image"])
    output = called("status", "--configfile", "study.yaml").output
    assert 0 < sum(holds) < 10
    assert (
        f"{10 - sum(holds)} of 26 networks finished for the present labels and config, {16 + sum(holds)} still to "
        f"be trained ({sum(holds)} of them trained for others), 0 training now."
    ) in output
    refused = called("report", "--configfile", "study.yaml").output
    assert f"{16 + sum(holds)} of 26 networks are still to be trained ({sum(holds)} outdated); first: " in refused


def test_status_of_a_study_whose_labels_cannot_be_read_says_why_and_what_was_found(study):
    config_of_mice = yaml.safe_load(Path("study.yaml").read_text()) | {"labels": "gone"}
    write_config(Path("study.yaml"), config_of_mice)
    (study.folder / ".store" / "some").mkdir(parents=True)
    done = called("status", "--configfile", "study.yaml")
    assert done.exit_code == 0, done.output
    assert "its networks cannot be counted:\ngone" in done.output
    assert study.summary["statement"][0] in done.output


def test_status_and_check_say_where_labels_are_looked_for_if_nothing_is_there_yet(here):
    write_config(here / "study.yaml", config("mice"))
    for command in ("status", "check"):
        output = called(command, "--configfile", "study.yaml").output
        assert f"mice: there is no such folder, seen from {here}" in output


def test_status_tells_networks_and_the_answer_and_names_no_file_that_is_not_there(study):
    done = called("status", "--configfile", "study.yaml")
    assert done.exit_code == 0, done.output
    assert "labels_to_check.csv" in done.output
    assert "report.html" not in done.output
    assert "0 of 26 networks finished" in done.output
    assert study.summary["statement"][0] in done.output


def test_status_tells_what_the_experiments_beside_the_baseline_said(study):
    rng = np.random.default_rng(0)
    keys = ("none", "worst-4", "best-4", "random-4-1")
    effects = dict(zip(keys, (0.0, -0.5, 0.3, 0.1), strict=True))
    scores = {
        key: pd.DataFrame({name: 3 + effect + rng.normal(0, 0.02, 6) for name in ("log_error", "rmse_px")})
        for key, effect in effects.items()
    }
    table = compare_pruned(scores, Prune(counts=[4], draws=1), 0.95)
    table.to_csv("results/tiny/prune.csv", index=False)
    assert "Leaving out" not in called("status", "--configfile", "study.yaml").output
    content = yaml.safe_load(Path("study.yaml").read_text())
    write_config(Path("study.yaml"), content | {"prune": {"counts": [4], "draws": 1}})
    output = called("status", "--configfile", "study.yaml").output
    match = re.search(
        r"Leaving out the worst frames in place of random ones changes the error: 4 \(−(0\.\d+)\)", output
    )
    assert float(match[1]) == pytest.approx(0.6, abs=0.05)


def run(folder, *arguments):
    command = [str(Path(sys.executable).parent / "frameworth"), "run", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_run_says_in_one_line_what_the_config_has_wrong(here):
    draw(here / "mice")
    write_config(here / "study.yaml", config("mice") | {"labels": "mise"})
    done = run(here, "--configfile", "study.yaml")
    assert done.returncode != 0
    assert next(line for line in done.stderr.splitlines() if "mise" in line).startswith("frameworth: ")
    assert "Traceback" not in done.stdout + done.stderr
    assert "logs/tiny/run.log" in done.stderr
    assert "Nothing was run: correct what is named above, then run the same command again" in done.stderr
    assert "to go on" not in done.stderr


def test_run_says_why_a_job_failed_and_where_its_log_is(here):
    draw(here / "mice")
    write_config(here / "study.yaml", config("mice"))
    picture = next((here / "mice" / "labeled-data").rglob("*.png"))
    whole = picture.read_bytes()
    picture.write_bytes(whole[: len(whole) // 2])
    done = run(here, "--configfile", "study.yaml")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("frameworth: ")]
    assert len(lines) == 2
    assert picture.name in lines[0]
    assert "Correct what is named above, then run the same command again; finished networks are kept" in lines[1]
    assert (here / re.search(r"\(log: (.+)\)", lines[0])[1]).exists()


@pytest.mark.parametrize("cores", ["0", "-1", "abc", "1.5"])
def test_run_refuses_a_number_of_cores_with_which_nothing_would_run(here, cores):
    write_config(here / "study.yaml", config("demo"))
    done = called("run", "--configfile", "study.yaml", "--cores", cores)
    assert done.exit_code == 2
    assert cores in done.output
    assert "all" in done.output
    assert not (here / "logs").exists()


@pytest.mark.parametrize("option", ["--config", "-C", "--configfile=other.yaml", "--directory", "-d"])
def test_run_refuses_to_run_another_study_than_the_one_whose_answer_it_would_tell(here, option):
    write_config(here / "study.yaml", config("demo"))
    done = called("run", "--configfile", "study.yaml", "--", option, "study=other")
    assert done.exit_code == 2
    assert done.output.startswith(f"frameworth: {option.partition('=')[0]}: ")
    assert not (here / "logs" / "tiny" / "run.log").exists()


def test_run_names_the_profiles_that_there_are(here):
    write_config(here / "study.yaml", config("demo"))
    done = called("run", "--configfile", "study.yaml", "--profile", "Slurm")
    assert done.exit_code == 2
    assert "there is no profile Slurm; there are local-gpu, slurm, slurm-gres, or give" in done.output
    (here / "own").mkdir()
    (here / "own/config.yaml").write_text("jobs: 1\n")
    assert "own" in snakemake_command(Path("study.yaml"), None, "own", [])


@pytest.mark.parametrize("place", ["results", "results/tiny", "logs", ".snakemake"])
def test_run_says_which_disk_is_gone(here, place):
    write_config(here / "study.yaml", config("demo"))
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).symlink_to("/nonexistent/disk")
    done = called("run", "--configfile", "study.yaml")
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert f"{place}: " in done.output
    assert "/nonexistent/disk" in done.output


def test_snakemake_itself_refuses_no_cores_and_a_disk_that_is_gone_in_one_line(here):
    path = write_config(here / "study.yaml", config("demo"))
    done = run_snakemake(here, "--cores", "0", "--configfile", str(path), check=False)
    assert done.returncode != 0
    assert done.stderr.count("--cores: 0 is no number of cores; give a number from 1, or all") == 1
    Path("results").symlink_to("/nonexistent/disk")
    done = run_snakemake(here, "--configfile", str(path), check=False)
    assert done.returncode != 0
    assert done.stderr.count("results: is a link to /nonexistent/disk, which is not there") == 1
    assert "Traceback" not in done.stderr


def test_run_and_init_say_which_folder_may_not_be_written(here, monkeypatch):
    draw(here / "mice")
    write_config(here / "study.yaml", config("demo"))
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    done = called("run", "--configfile", "study.yaml")
    assert done.exit_code == 2
    assert f"{here}: " in done.output

    def refuse(path, text):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(first_config, "write_text", refuse)
    done = called("init", "mice", "--device", "cpu")
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert f"{here / 'mice.yaml'}: " in done.output


def failed_job(rule, log=None, message=None):
    """What the logger plugin tells of a job that failed."""
    return {"event": "job_error", "rule_name": rule, "rule_msg": message, "log": [log] if log else []}


def error(exception, text):
    return {"event": "error", "exception": exception, "msg": text}


def failures_of(*events):
    failures = Failures()
    for event in events:
        failures.happened(event)
    return failures


NOT_ALL_DONE = error("WorkflowError", "WorkflowError:\nAt least one job did not complete successfully.")


def test_what_slurm_refuses_is_reported_in_its_words_with_where_to_correct_it(here):
    failures = Failures(["snakemake", "--workflow-profile", "my/slurm"])
    message = (
        "SLURM sbatch failed. The error message was 'sbatch: error: invalid partition specified: gpu'.\n"
        "    sbatch call:\n        sbatch --parsable\n"
    )
    for _ in range(2):
        failures.happened(failed_job("ensemble_of_1", "a.log", message))
    (line,) = failures.lines()
    assert "sbatch: error: invalid partition specified: gpu" in line
    assert "my/slurm/config.yaml" in line
    assert "to go on" not in failures.advice()
    assert "Correct" in failures.advice()


def test_an_option_that_snakemake_refuses_is_reported():
    failures = Failures()
    for line in ("usage: snakemake [-h]\n", "snakemake: error: unrecognized arguments: --coers\n"):
        failures.read(line)
    assert failures.lines() == ["frameworth: unrecognized arguments: --coers"]
    assert "Nothing was run" in failures.advice()


def test_failures_are_reported_once_each_with_the_last_words_of_their_logs(here):
    Path("a.log").write_text("noise\nframeworth: scores: no such file\nmore noise\n")
    Path("b.log").write_text(
        "frameworth: member 0: stopped by SIGINT at step 3 of 9; the next attempt continues there\n"
    )
    jobs = (("scores", "a.log"), ("scores", "a.log"), ("ensemble_of_1", "b.log"), ("report_page", "gone.log"))
    assert failures_of(*(failed_job(rule, log) for rule, log in jobs)).lines() == [
        "frameworth: scores failed: scores: no such file (log: a.log)",
        "frameworth: ensemble_of_1 was stopped: member 0: stopped by SIGINT at step 3 of 9; the next attempt continues "
        "there (log: b.log)",
        "frameworth: report_page failed: it left no log",
    ]


def test_jobs_that_fail_and_finish_are_reported_as_snakemake_runs(here):
    Path("Snakefile").write_text(
        "rule all:\n    input: 'a', 'b'\n"
        "rule good:\n    output: 'a'\n    shell: 'touch a'\n"
        "rule bad:\n    output: 'b'\n    log: 'b.log'\n    shell: 'echo frameworth: no disk > b.log; exit 1'\n"
    )
    screen = io.StringIO()
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going", "--quiet", "all"]
    assert run_workflow(command, Path("run.log"), screen) == 1
    output = screen.getvalue()
    assert "frameworth: bad failed: no disk (log: b.log)\n" in output
    assert "jobs 1 of 3" in output
    assert '"event"' not in Path("run.log").read_text()


def test_the_list_of_labels_is_announced_when_it_is_there_and_not_before(here):
    Path("Snakefile").write_text(
        "rule report:\n    input: 'mine/figures/labels_to_check.csv'\n    log: 'r.log'\n    shell: 'exit 1'\n"
        "rule figure:\n    input: 'mine/labels_to_check.csv'\n    output: 'mine/figures/labels_to_check.csv'\n"
        "    shell: 'cp {input} {output}'\n"
        "rule checks:\n    output: 'mine/labels_to_check.csv'\n    log: 'l.log'\n    shell: 'cp networks {output}'\n"
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    for announced in (0, 1):
        if announced:
            Path("networks").touch()
        screen = io.StringIO()
        assert run_workflow(command, Path("run.log"), screen) == 1
        lines = [
            line for line in screen.getvalue().splitlines() if "labels_to_check.csv" in line and "is there" in line
        ]
        assert len(lines) == announced


def test_a_mistake_in_the_workflow_is_reported_without_snakemakes_words(here):
    Path("Snakefile").write_text(
        "from snakemake.exceptions import WorkflowError\nraise WorkflowError('error: no labels')\n"
    )
    screen = io.StringIO()
    assert run_workflow([sys.executable, "-m", "snakemake", "--cores", "1"], Path("run.log"), screen) == 1
    assert screen.getvalue().splitlines()[0] == "frameworth: error: no labels"
    assert "Nothing was run" in screen.getvalue()


@pytest.mark.parametrize(
    ("last", "advice"),
    [
        ("frameworth: img.png: not a readable image; put a good copy in its place", "Correct what is named above"),
        ("frameworth: member 0: stopped by SIGTERM at step 3 of 9; the next attempt continues there", "to go on"),
        ("frameworth: warning: ears are rare\nRuntimeError: out of memory", "to go on"),
        ("", "to go on"),
    ],
)
def test_after_a_failed_job_the_same_command_is_advised_unless_something_is_to_mend(here, last, advice):
    Path("a.log").write_text(last)
    assert advice in failures_of(failed_job("frames", "a.log")).advice()


def test_a_job_that_says_nothing_was_stopped_where_the_run_was_and_else_failed(here):
    Path("a.log").write_text("")
    failures = failures_of({"event": "job_started"}, failed_job("draw_seeds", "a.log"), NOT_ALL_DONE)
    assert failures.lines() == ["frameworth: draw_seeds failed: it said nothing (log: a.log)"]
    failures.stopped = True
    assert failures.lines() == ["frameworth: draw_seeds was stopped"]


def test_that_jobs_did_not_complete_is_nothing_to_mend():
    failures = failures_of({"event": "job_started"}, NOT_ALL_DONE)
    assert failures.lines() == []
    assert failures.advice() == "Finished networks are kept: run the same command again to go on"


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        ([], True),
        (["--rerun-incomplete"], True),
        (["--config", "seed=2"], True),
        (["review"], False),
        (["--unlock"], False),
        (["-n"], False),
        (["--cores", "1", "--", "review"], False),
    ],
)
def test_the_answer_follows_a_run_of_the_whole_study_only(arguments, whole):
    assert runs_whole_study(arguments) is whole


def test_a_locked_folder_is_reported_in_one_line_with_what_to_do():
    locked = error("LockException", "LockException:\nError: Directory cannot be locked.\n/somewhere")
    (line,) = failures_of(locked).lines()
    assert "-- --unlock" in line


@pytest.mark.parametrize("command", ["init", "run", "status", "estimate", "report", "explain"])
def test_help_shows_examples_below_plain_paragraphs(command):
    done = called(command, "--help")
    assert not re.search(r"\w     \w|^      \w", done.output.split("Options:")[0], re.M)
    assert f"  frameworth {command} " in done.output.split("Examples:")[1]


@pytest.mark.parametrize(
    "typed",
    [["run", "--nonsense"], ["rnu"], ["explain", "--configfile", "study.yaml"], ["run", "--configfile", "gone"]],
)
def test_a_command_typed_wrongly_is_reported_in_one_line_with_where_its_help_is(typed, here):
    done = called(*typed)
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert re.match(r"frameworth: .+[;?] [sS]ee \S+( \w+)? --help$", done.output)


def test_a_shell_completes_commands_and_options():
    words = {"COMP_WORDS": "frameworth run --conf", "COMP_CWORD": "2", "_FRAMEWORTH_COMPLETE": "bash_complete"}
    done = CliRunner().invoke(main, prog_name="frameworth", env=words)
    assert done.output.strip() == "plain,--configfile"


def test_help_lists_what_people_call_in_the_order_of_a_study_and_no_stage():
    listed = called("--help").output.split("Commands:\n")[1]
    names = re.findall(r"^  (\w[\w-]*)  ", listed, re.M)
    assert names[:9] == ["init", "check", "estimate", "run", "status", "explain", "report", "apply", "plan"]
    assert not {"frames", "ensemble", "figure"} & set(names)


def test_stages_are_listed_by_their_own_help_and_still_called_by_their_names(here):
    assert re.search(r"^  method-influence ", called("stages", "--help").output, re.M)
    assert called("import-labels", "--help").exit_code == 0
