"""Labels of other tools: the same positions on the same images as in the project that they were written from."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sleap_io
import yaml
from PIL import Image

from films import write_film
from frameworth.cli.checking import check_study
from frameworth.cli.costs import StudySize, study_size
from frameworth.cli.first_config import look_at, write_first_config
from frameworth.cli.planning import describe
from frameworth.errors import RefusedError, UserError
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.imported import is_import, read_imported, write_imported
from frameworth.labels.labellers import read_labellers
from frameworth.labels.pictures import inspect_pictures
from frameworth.labels.readers.label_studio import is_json_min
from frameworth.labels.sources import inspect_label_pictures, inspect_labels, study_sources
from frameworth.plan.config import check_config
from frameworth.videos.video_names import labelled_frames
from label_files import FORMATS, coco, label_studio, labels_of, on_images, on_one_video, slp_images, slp_videos
from small_study import digests, run_config
from tiny import config, draw

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return read_project(draw(tmp_path_factory.mktemp("drawn") / "project"))


def imported_as(project, folder, labels):
    """The project that is imported, with its frames matched to the original's by their pixels; [N] rows of it."""
    write_imported(labels, folder)
    copy = read_project(folder)
    theirs = [np.asarray(Image.open(path).convert("RGB")) for path in project.paths]
    rows = []
    for path in copy.paths:
        ours = np.asarray(Image.open(path).convert("RGB"))
        (row,) = [i for i, other in enumerate(theirs) if np.array_equal(ours, other)]
        rows.append(row)
    assert sorted(rows) == list(range(len(project.paths)))
    return copy, rows


def assert_same_labels(project, copy, rows, atol):
    assert sorted(copy.keypoints) == sorted(project.keypoints)
    order = [project.keypoints.index(name) for name in copy.keypoints]
    assert np.isnan(project.xy).any()
    assert np.allclose(copy.xy, project.xy[rows][:, order], rtol=0, atol=atol, equal_nan=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_label_file_gives_the_same_labels_on_the_same_images_and_is_only_read(drawn, tmp_path, name):
    write, atol = FORMATS[name]
    source = tmp_path / "source"
    source.mkdir()
    labels = write(drawn, source)
    before = digests(source)
    assert is_import(labels)
    copy, rows = imported_as(drawn, tmp_path / "imported", labels)
    assert_same_labels(drawn, copy, rows, atol)
    assert digests(source) == before
    size = study_size(check_config(config(str(labels))), ())
    assert size == StudySize(16, 64, 48, 4)
    sources = study_sources(check_config(config(str(labels))))
    assert all(path.is_file() for path in sources)
    assert any(path == labels or labels in path.parents for path in sources)


def test_the_order_of_keypoints_does_not_hang_on_the_hash_of_a_string(drawn, tmp_path):
    labels = label_studio(drawn, tmp_path)
    command = (
        "import sys; from pathlib import Path; from frameworth.labels.imported import read_imported; "
        "print(*read_imported(Path(sys.argv[1])).keypoints)"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, str(labels)],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["leftear", "rightear", "snout", "tailbase"]


def test_nothing_in_a_label_file_is_unpickled(drawn, tmp_path):
    """Python's own audit: unpickling a class or function raises an event, which ends the process here."""
    files = []
    for name, (write, _) in FORMATS.items():
        (tmp_path / name).mkdir()
        files.append(str(write(drawn, tmp_path / name)))
    command = (
        "import os, sys; from pathlib import Path\n"
        "import pandas, pynwb, ndx_pose, sleap_io.io.main, sleap_io.io.slp, sleap_io.io.nwb_annotations\n"
        "from frameworth.labels.imported import read_imported\n"
        "sys.addaudithook(lambda event, _: os._exit(7) if event.startswith('pickle') else None)\n"
        "for path in sys.argv[1:]: read_imported(Path(path))\n"
        "print('all read', flush=True); import pickle; pickle.loads(pickle.dumps(Path))"  # which is seen
    )
    done = subprocess.run([sys.executable, "-c", command, *files], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (7, "all read\n"), done.stderr


def test_predictions_are_not_labels(drawn, tmp_path):
    labels = on_images(drawn)
    for frame in labels.labeled_frames[4:]:
        frame.instances = [
            sleap_io.PredictedInstance.from_numpy(animal.numpy(), skeleton=animal.skeleton, score=0.9)
            for animal in frame.instances
        ]
    sleap_io.save_slp(labels, str(tmp_path / "labels.slp"))
    assert len(read_imported(tmp_path / "labels.slp").images) == 4
    labels.labeled_frames = labels.labeled_frames[4:]
    sleap_io.save_slp(labels, str(tmp_path / "predictions.slp"))
    with pytest.raises(UserError, match=r"predictions\.slp: holds no hand-labelled frame"):
        read_imported(tmp_path / "predictions.slp")


def test_a_task_that_two_people_annotated_is_not_decided_by_chance(drawn, tmp_path):
    labels = label_studio(drawn, tmp_path)
    content = json.loads(labels.read_text())
    content[3]["annotations"] *= 2
    labels.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"labels\.json: sleap-io says: .*Multiple annotations"):
        read_imported(labels)


def test_two_animals_in_a_frame_are_refused_by_its_name(drawn, tmp_path):
    labels = on_images(drawn)
    frame = labels.labeled_frames[5]
    frame.instances.append(sleap_io.Instance.from_numpy(drawn.xy[0], skeleton=frame.instances[0].skeleton))
    sleap_io.save_slp(labels, str(tmp_path / "labels.slp"))
    with pytest.raises(UserError, match=rf"labels\.slp: .*{drawn.images[5]} has 2 labelled animals.*keep") as caught:
        read_imported(tmp_path / "labels.slp")
    assert "\n" not in str(caught.value)


def test_images_of_one_name_in_folders_of_one_name_stay_apart(drawn, tmp_path):
    paths = []
    for index, where in enumerate(("a/cam", "b/cam", "c/.hidden", "d/mouse_labeled")):
        path = tmp_path / where / "ünïcode, and spaces.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(drawn.paths[index].read_bytes())
        paths.append(str(path))
    sleap_io.save_slp(on_one_video(drawn.keypoints, paths, drawn.xy[:4]), str(tmp_path / "labels.slp"))
    write_imported(tmp_path / "labels.slp", tmp_path / "imported")
    copy = read_project(tmp_path / "imported")
    assert sorted(copy.videos) == ["_.hidden", "a_cam", "b_cam", "mouse_labeled_"]
    by_video = dict(zip(copy.videos, range(4), strict=True))
    for index, video in enumerate(("a_cam", "b_cam", "_.hidden", "mouse_labeled_")):
        assert np.allclose(copy.xy[by_video[video]], drawn.xy[index], equal_nan=True)
        assert copy.paths[by_video[video]].read_bytes() == drawn.paths[index].read_bytes()


@pytest.mark.parametrize("name", ["COCO", "Lightning Pose"])
def test_a_missing_image_is_named_instead_of_shifting_the_labels_of_others(drawn, tmp_path, name):
    labels = FORMATS[name][0](drawn, tmp_path)
    gone = sorted(tmp_path.rglob("img*.png"))[3]
    gone.unlink()
    with pytest.raises(UserError, match=f"{gone.parent.name}/{gone.name}"):
        read_imported(labels)


def test_a_coco_file_in_a_folder_beside_its_images_finds_them(drawn, tmp_path):
    labels = coco(drawn, tmp_path)
    (tmp_path / "annotations").mkdir()
    labels = labels.rename(tmp_path / "annotations" / "train.json")
    copy, rows = imported_as(drawn, tmp_path / "imported", labels)
    assert_same_labels(drawn, copy, rows, 1e-3)


def test_a_missing_video_and_a_short_one_are_named(drawn, tmp_path):
    labels = slp_videos(drawn, tmp_path)
    film = tmp_path / f"{drawn.videos[0]}.avi"
    whole = film.read_bytes()
    film.unlink()
    with pytest.raises(UserError, match=rf"frame 1 of .*{film.name} is labelled, but not there"):
        read_imported(labels)
    film.write_bytes(b"no video")
    with pytest.raises(UserError, match=rf"{film.name}: .*cannot be opened as a video"):
        write_imported(labels, tmp_path / "imported")
    film.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=rf"{film.name}: frame \d+ cannot be read"):
        write_imported(labels, tmp_path / "imported-2")
    film.write_bytes(whole[: len(whole) // 3])
    _, (short,) = inspect_label_pictures(labels, inspect_labels(labels).project, decode=True)
    assert f"{film.name}: frame 7 cannot be read" in str(short)
    assert "3 more" in str(short)


def test_a_video_on_the_network_is_never_asked_for(drawn, tmp_path):
    labels = label_studio(drawn, tmp_path)
    content = json.loads(labels.read_text())
    for task in content:
        task["meta"]["video"] |= {"filename": "https://example.invalid/a.mp4"}
    labels.write_text(json.dumps(content))
    with pytest.raises(UserError, match="lies on the network; download it"):
        read_imported(labels)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("labels.slp", b"no HDF5", "sleap-io cannot read it"),
        ("labels.json", b"{", "sleap-io cannot read it"),
        ("labels.pkl", b"cos\nsystem\n(S'touch /tmp/owned'\ntR.", "is no label file"),
        ("film.mp4", b"", "is no label file"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused_in_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        read_imported(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_deeplabcut_project_is_not_imported(drawn):
    assert not is_import(drawn.root)
    assert not is_import(drawn.root / "config.yaml")
    with pytest.raises(UserError, match=r"nowhere\.slp: there is no such folder; .* or another tool's label file"):
        study_sources(check_config(config(str(drawn.root / "nowhere.slp"))))


def test_a_study_of_a_label_file_is_planned_beforehand_and_made_through_the_workflow(drawn, tmp_path):
    labels = slp_videos(drawn, tmp_path)
    study = config(labels.name, plant={"share": 0.3})
    text = describe(check_config(config(str(labels))), cores=1, measure=False)
    assert "3 networks on 3 subsets" in text
    run_config(tmp_path, study, "results/tiny/frames.csv")
    copy = read_project(tmp_path / "results" / "tiny" / "imported_project")
    assert len(copy.images) == 16
    planted = read_project(tmp_path / "results" / "tiny" / "planted_project")
    assert planted.images == copy.images
    assert not np.array_equal(planted.xy, copy.xy, equal_nan=True)
    # A film that changes is read again.
    film = tmp_path / f"{drawn.videos[0]}.avi"
    film.write_bytes(film.read_bytes() + bytes(8))
    assert "import_labels" in run_config(tmp_path, study, "-n", "results/tiny/frames.csv").stdout


POINTS = np.array([[[10.0 + n, 20], [30, 12.5 + n], [50, 40]] for n in range(4)])  # [4, 3, 2]
NAMES = ["snout", "ear", "tail"]
IMAGES = [f"im{number}.png" for number in range(4)]


def image(path, seed=0, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def coco_content(folder, prefix=""):
    """Four images in `folder`, and a COCO file's content that names them."""
    content = {"categories": [{"id": 1, "name": "mouse", "keypoints": NAMES}], "images": [], "annotations": []}
    for number, xy in enumerate(POINTS):
        image(folder / f"im{number}.png", number)
        content["images"].append({"id": number, "file_name": f"{prefix}im{number}.png"})
        points = [float(value) for x, y in xy for value in (x, y, 2)]
        content["annotations"].append({"id": number, "image_id": number, "category_id": 1, "keypoints": points})
    return content


def written(path, content, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding=encoding)
    return path


def assert_points(labels, xy=POINTS):
    read = read_imported(labels)
    assert read.keypoints == tuple(NAMES)
    assert np.allclose(read.xy, xy, atol=1e-4, equal_nan=True)
    return read


def test_coco_of_cvat_lies_beside_images_of_its_subset(tmp_path):
    content = coco_content(tmp_path / "images" / "default")
    assert_points(written(tmp_path / "annotations" / "person_keypoints_default.json", content))


def test_images_above_the_working_folder_are_found_from_a_relative_path(tmp_path, monkeypatch):
    content = coco_content(tmp_path / "set" / "images" / "default")
    labels = written(tmp_path / "set" / "annotations" / "person_keypoints_default.json", content)
    monkeypatch.chdir(labels.parent)
    assert_points(Path(labels.name))
    (labels.parent / "below").mkdir()
    monkeypatch.chdir("below")
    assert_points(Path("..") / labels.name)


def test_an_image_whose_name_is_too_long_for_a_file_is_reported_as_missing(tmp_path):
    content = coco_content(tmp_path)
    content["images"][2]["file_name"] = f"data:image/png;base64,{'A' * 5000}"
    with pytest.raises(UserError, match="there is no such image") as caught:
        read_imported(written(tmp_path / "labels.json", content))
    assert len(str(caught.value)) < 1000


def test_a_warning_about_a_keypoint_without_held_out_labels_names_the_label_file(tmp_path):
    content = coco_content(tmp_path / "images")
    for annotation in content["annotations"][1:]:
        annotation["keypoints"][8] = 0
    labels = written(tmp_path / "labels.json", content)
    lines = check_study(config(str(labels)), "headers").lines()
    assert [line.partition(": the")[0] for line in lines if "held-out frames" in line] == [f"warning: {labels}"]


def test_images_that_are_the_same_are_twins_before_they_are_imported(tmp_path):
    content = coco_content(tmp_path / "images")
    (tmp_path / "images/im3.png").write_bytes((tmp_path / "images/im1.png").read_bytes())
    labels = written(tmp_path / "labels.json", content)
    pictures, problems = inspect_label_pictures(labels, inspect_labels(labels).project, decode=True)
    assert [str(problem).partition(";")[0] for problem in problems] == [
        f"{tmp_path}/images/im1.png: is the same picture as images/im3.png"
    ]
    assert pictures.digests[1] == pictures.digests[3]
    assert len(set(pictures.digests)) == 3


def test_frames_of_films_are_the_pictures_that_they_are_once_imported(drawn, tmp_path):
    labels = slp_videos(drawn, tmp_path)
    before, _ = inspect_label_pictures(labels, inspect_labels(labels).project, decode=True)
    write_imported(labels, tmp_path / "copy")
    after, _ = inspect_pictures(read_project(tmp_path / "copy"), decode=True)
    assert before.digests == after.digests
    assert np.array_equal(before.sizes, after.sizes)
    assert np.array_equal(before.thumbnails, after.thumbnails)


def test_coco_with_windows_separators_and_a_byte_order_mark(tmp_path):
    content = coco_content(tmp_path / "images", "images\\")
    assert_points(written(tmp_path / "result.json", content, "utf-8-sig"))


def test_coco_needs_no_image_that_has_no_label(tmp_path):
    content = coco_content(tmp_path / "images")
    content["images"].append({"id": 99, "file_name": "never.png"})
    assert_points(written(tmp_path / "labels.json", content))


def test_coco_categories_of_one_keypoint_are_one_animal(tmp_path):
    content = coco_content(tmp_path / "images")
    content["categories"] = [{"id": k, "name": name, "keypoints": [name]} for k, name in enumerate(NAMES)]
    content["annotations"] = [
        annotation | {"category_id": k, "keypoints": annotation["keypoints"][3 * k : 3 * k + 3]}
        for annotation in content["annotations"]
        for k in range(3)
    ]
    assert_points(written(tmp_path / "labels.json", content))


@pytest.mark.usefixtures("engine")
def test_a_label_outside_its_image_is_left_out_with_a_warning_and_a_torn_image_is_named(tmp_path):
    content = coco_content(tmp_path / "images")
    content["annotations"][0]["keypoints"][0] = -8.0
    labels = written(tmp_path / "labels.json", content)
    xy = POINTS.copy()
    xy[0, 0] = np.nan
    (problem,) = assert_points(labels, xy).problems
    assert problem.severity == "warning"
    assert "1 of 12 labels lies outside" in str(problem)
    assert "im0.png" in str(problem)
    torn = tmp_path / "images" / "im3.png"
    torn.write_bytes(torn.read_bytes()[:400])
    lines = check_study(config(str(labels)), "images").lines()
    assert any(line.startswith(f"error: {torn}: not a readable image") for line in lines)


def test_labels_most_of_which_lie_outside_their_images_are_refused(tmp_path):
    """As of another size, or with x and y swapped: what is left would be a study of the wrong places."""
    content = coco_content(tmp_path / "images")
    for annotation in content["annotations"][:3]:
        annotation["keypoints"][::3] = [500.0] * 3
    with pytest.raises(RefusedError, match="9 of 12"):
        read_imported(written(tmp_path / "labels.json", content))


def test_a_lightning_pose_table_that_a_spreadsheet_saved_with_semicolons_is_read(tmp_path):
    labels = lightning_pose_table(tmp_path / "labels.csv", IMAGES, tmp_path)
    labels.write_text(labels.read_text().replace(",", ";").replace(".", ",").replace(",png", ".png"))
    assert_points(labels)


def pose_set(folder, places, **settings):
    """An Ultralytics set of the four frames; `places` [4] are their image folders."""
    for number, (place, xy) in enumerate(zip(places, POINTS, strict=True)):
        image(folder / place / f"im{number}.png", number)
        text = folder / place.replace("images", "labels") / f"im{number}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("0 0.5 0.5 0.6 0.6 " + " ".join(f"{x / 64:.8f} {y / 48:.8f} 2" for x, y in xy))
    (folder / "data.yaml").write_text(json.dumps({"kpt_shape": [3, 3], "node_names": NAMES} | settings))
    return folder


def test_all_splits_of_ultralytics_and_roboflow_are_read(tmp_path):
    usual = ["images/train"] * 3 + ["images/val"]
    assert_points(pose_set(tmp_path / "usual", usual, train="images/train", val="images/val"))
    roboflow = ["train/images"] * 3 + ["valid/images"]
    paths = {"train": "../train/images", "val": "../valid/images", "test": "../test/images"}
    read = assert_points(pose_set(tmp_path / "roboflow", roboflow, **paths))
    assert set(read.videos) == {"train_images", "valid_images"}
    with pytest.raises(UserError, match=r"split val there is no folder nowhere"):
        read_imported(pose_set(tmp_path / "gone", usual, train="images/train", val="nowhere"))


@pytest.mark.parametrize("names", [NAMES, {"0": NAMES}])
def test_keypoints_of_an_ultralytics_set_are_named_with_or_without_a_class(tmp_path, names):
    given = {"node_names": None, "kpt_names": names}
    assert_points(pose_set(tmp_path, ["images/train"] * 4, train="images/train", **given))


def test_images_in_folders_of_an_ultralytics_split_are_read_with_their_labels(tmp_path):
    places = ["images", "images/mouse7", "images/mouse7/day2", "images/val"]
    labels = pose_set(tmp_path, places, train="images", val="images/val")
    (tmp_path / "images/mouse7/round").symlink_to(tmp_path / "images")
    assert_points(labels)


@pytest.mark.parametrize("folder", ["", "data/"])
def test_an_ultralytics_split_that_is_a_list_of_images_is_read(tmp_path, folder):
    labels = pose_set(tmp_path, ["images/train"] * 4, path="./", train="train.txt")
    lines = [f"{folder}images/train/im{number}.png" for number in range(4)]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    assert_points(labels)


def test_a_missing_image_of_a_list_of_ultralytics_is_named(tmp_path):
    labels = pose_set(tmp_path, ["images/train"] * 4, train="train.txt")
    (tmp_path / "train.txt").write_text("images/train/gone.png\n")
    with pytest.raises(UserError, match=r"train\.txt: names images/train/gone\.png, but there is no such image"):
        read_imported(labels)


def test_who_gives_an_ultralytics_set_otherwise_reads_what_to_give(tmp_path):
    labels = pose_set(tmp_path, ["images/train"] * 4, train="images/train")
    (problem,) = inspect_labels(labels / "data.yaml").problems
    assert str(problem) == f"{labels / 'data.yaml'}: is a file; give the folder that holds it"
    (labels / "data.yaml").rename(labels / "coco8-pose.yaml")
    (labels / "coco8-pose.yaml").write_text("kpt_shape: [3, 3]\ntrain: images/train\n")
    (problem,) = inspect_labels(labels).problems
    assert str(problem).endswith("; rename coco8-pose.yaml to data.yaml")


def test_a_torn_line_of_an_ultralytics_set_is_named(tmp_path):
    labels = pose_set(tmp_path, ["images/train"] * 4, train="images/train")
    (tmp_path / "labels" / "train" / "im1.txt").write_text("0 0.5 0.5 0.6 0.6 0.2 0.2\n")
    with pytest.raises(UserError, match=r"im1\.txt: line 1 does not hold 14 numbers"):
        read_imported(labels)


def test_what_an_ultralytics_set_lacks_is_counted_in_a_line_for_each_cause(tmp_path):
    places = ["images/train"] * 4
    labels = pose_set(tmp_path / "set", places, train="images/train", test="images/test")
    (labels / "labels/train/im1.txt").unlink()
    (labels / "labels/train/im3.txt").unlink()
    read = read_imported(labels)
    assert np.allclose(read.xy, POINTS[[0, 2]])
    split, bare = map(str, read.problems)
    assert "data.yaml: of the split test there is no folder images/test: left out" in split
    assert "train: 2 images have no label file (im1.png): left out" in bare
    torn = pose_set(tmp_path / "torn", places, train="images/train")
    (torn / "labels/train/im0.txt").write_bytes(b"0 0.5 \xff")
    with pytest.raises(UserError, match=r"im0\.txt: cannot be read"):
        read_imported(torn)


def label_studio_tasks(folder):
    """Label Studio's tasks of the four frames, whose images lie below `folder`."""
    tasks = []
    for number, xy in enumerate(POINTS):
        image(folder / "images" / f"im{number}.png", number)
        results = [
            {
                "type": "keypointlabels",
                "original_width": 64,
                "original_height": 48,
                "value": {"x": 100 * x / 64, "y": 100 * y / 48, "keypointlabels": [name]},
            }
            for name, (x, y) in zip(NAMES, xy, strict=True)
        ]
        field = f"/data/local-files/?d=images/im{number}.png"
        by = [7, {"id": 8, "email": "ann@lab"}, None][number % 3]
        done = {"result": results} | ({} if by is None else {"completed_by": by})
        tasks.append({"id": number, "annotations": [done], "data": {"image": field}})
    return tasks


def test_an_export_of_label_studio_is_in_percent(tmp_path):
    export = written(tmp_path / "export.json", label_studio_tasks(tmp_path))
    read = read_imported(export)
    assert read.keypoints == ("ear", "snout", "tail")
    assert np.allclose(read.xy, POINTS[:, [1, 0, 2]])
    write_imported(export, tmp_path / "project")
    labellers = read_labellers(tmp_path / "project").set_index("image")["labeller"].to_dict()
    assert labellers == {f"im{n}.png": ("7", "ann@lab")[n % 3] for n in range(len(POINTS)) if n % 3 < 2}


def test_an_export_of_label_studio_with_signed_addresses_finds_the_images(tmp_path):
    tasks = label_studio_tasks(tmp_path)
    for number, task in enumerate(tasks):
        task["data"]["image"] = f"https://lab.example/images/im{number}.png?signature={'0' * 300}"
    assert np.allclose(read_imported(written(tmp_path / "export.json", tasks)).xy, POINTS[:, [1, 0, 2]])


def test_a_lightning_pose_table_with_windows_separators_and_visibility(tmp_path):
    rows = [["scorer"] + ["a"] * 9, ["bodyparts", *np.repeat(NAMES, 3)], ["coords"] + ["x", "y", "visible"] * 3]
    for number, xy in enumerate(POINTS):
        image(tmp_path / "labeled-data" / "s1" / f"im{number}.png", number)
        cells = [cell for k, (x, y) in enumerate(xy) for cell in (x, y, 0 if k == 2 else 2)]
        rows.append([f"labeled-data\\s1\\im{number}.png", *cells])
    (tmp_path / "CollectedData.csv").write_text("\n".join(",".join(map(str, row)) for row in rows), "utf-8-sig")
    xy = POINTS.copy()
    xy[:, 2] = np.nan
    assert_points(tmp_path / "CollectedData.csv", xy)
    problem = inspect_labels(tmp_path).problems[0]
    assert "CollectedData.csv" in str(problem)


def test_a_sleap_project_that_moved_with_its_images_finds_them(tmp_path):
    for number in range(4):
        image(tmp_path / "old" / "imgs" / f"im{number}.png", number)
    paths = [str(path) for path in sorted((tmp_path / "old" / "imgs").iterdir())]
    sleap_io.save_slp(on_one_video(NAMES, paths, POINTS), str(tmp_path / "old" / "labels.slp"))
    (tmp_path / "old").rename(tmp_path / "new")
    assert_points(tmp_path / "new" / "labels.slp")


def packed(folder, sizes):
    """A SLEAP package of the four frames, on a video of images for each of `sizes`; [4] whole labels."""
    frames, xy = [], []
    for number, names in enumerate(sizes):
        paths = [folder / f"cam{number}" / f"{index}.png" for index in range(len(names))]
        for index, (path, size) in enumerate(zip(paths, names, strict=True)):
            image(path, 10 * number + index, size)
            xy.append(POINTS[index] * (size[0] / 64))
        poses = xy[-len(names) :]
        frames += on_one_video(NAMES, [str(path) for path in paths], poses).labeled_frames
    skeleton = frames[0].instances[0].skeleton
    for frame in frames:
        frame.instances = [sleap_io.Instance.from_numpy(frame.instances[0].numpy(), skeleton=skeleton)]
    labels = sleap_io.Labels(frames)
    sleap_io.save_slp(labels, str(folder / "labels.pkg.slp"), embed="user")
    return folder / "labels.pkg.slp", np.array(xy)


@pytest.mark.parametrize("sizes", [[[(64, 48)] * 2, [(192, 144)] * 2], [[(64, 48), (192, 144)] * 2]])
def test_labels_on_embedded_images_of_several_sizes_are_all_kept(tmp_path, sizes):
    labels, xy = packed(tmp_path, sizes)
    assert not assert_points(labels, xy).problems
    look = look_at(labels)
    assert (look.width, look.height, look.sizes) == (192, 144, 2)
    assert set(read_imported(labels).videos) == ({"cam0_0", "cam1_0"} if len(sizes) == 2 else {"0"})


def films_of(folder, days):
    """Labels of the four frames of a film `cam.avi` in each folder of `days`, which the labels lie in the first of."""
    videos, places = [], []
    for number, day in enumerate(days):
        (folder / day).mkdir(parents=True)
        pictures = [np.full((48, 64, 3), 20 * index + number, np.uint8) for index in range(8)]
        film = write_film(folder / day / "cam.avi", pictures, 10, "FFV1")
        videos.append(sleap_io.Video.from_filename(str(film)))
        places += [(number, index + 4 * number) for index in range(4)]
    labels = labels_of(NAMES, [], videos, places, np.concatenate([POINTS] * len(days)))
    sleap_io.save_slp(labels, str(folder / days[0] / "labels.slp"), embed=False)


@pytest.mark.parametrize(
    ("days", "moved", "words"),
    [
        (["day1", "day2"], "day1", r"frame \d of .*day2/cam\.avi is labelled, but not there"),
        (["old/day1", "new/day1"], "old/day1", r"old/day1/cam\.avi is labelled, but .* may as well be"),
    ],
)
def test_labels_of_a_missing_video_are_not_put_on_another_of_its_file_name(tmp_path, days, moved, words):
    films_of(tmp_path / "there", days)
    (tmp_path / "there" / moved).rename(tmp_path / "day1")
    shutil.rmtree(tmp_path / "there")
    with pytest.raises(UserError, match=words):
        read_imported(tmp_path / "day1" / "labels.slp")


def test_labels_of_two_videos_of_one_file_name_that_are_both_there_are_read(tmp_path):
    films_of(tmp_path, ["day1", "day2"])
    read = read_imported(tmp_path / "day1" / "labels.slp")
    assert np.allclose(read.xy, np.concatenate([POINTS] * 2))
    assert read.videos == ("day1_cam",) * 4 + ("day2_cam",) * 4
    assert [path.parent.name for path in read.paths] == ["day1"] * 4 + ["day2"] * 4
    for day, numbers in (("day1", [0, 1, 2, 3]), ("day2", [4, 5, 6, 7])):
        assert labelled_frames(f"{tmp_path}/{day}/cam.avi", read.videos, read.images) == numbers


def test_labels_of_a_tiff_stack_are_refused_with_a_way_out(tmp_path):
    pages = [Image.fromarray(np.full((48, 64), 20 * index, np.uint8)) for index in range(4)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    video = sleap_io.Video.from_filename(str(tmp_path / "stack.tif"))
    labels = labels_of(NAMES, [], [video], [(0, index) for index in range(4)], POINTS)
    sleap_io.save_slp(labels, str(tmp_path / "labels.slp"), embed=False)
    with pytest.raises(UserError, match=r"stack\.tif .*TIFF stack.*\.pkg\.slp"):
        read_imported(tmp_path / "labels.slp")


def lightning_pose_table(path, names, folder, cells=None):
    """A table at `path` of the four frames, whose rows have `names`; the images lie in `folder`."""
    rows = [["scorer", *["lp"] * 6], ["bodyparts", *np.repeat(NAMES, 2)], ["coords", *["x", "y"] * 3]]
    for name, xy in zip(names, POINTS, strict=True):
        image(folder / Path(name).name, 0)
        rows.append([name, *(xy.ravel() if cells is None else cells)])
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return path


def test_rows_of_a_missing_session_do_not_take_images_beside_the_table(tmp_path):
    names = [f"labeled-data/s{1 + number // 2}/im{number}.png" for number in range(4)]
    (tmp_path / "s1").mkdir()
    labels = lightning_pose_table(tmp_path / "s1" / "CollectedData.csv", names, tmp_path / "s1")
    with pytest.raises(UserError, match=r"labels labeled-data/s2/im2\.png, but there is no such image"):
        read_imported(labels)
    text = labels.read_text()
    labels.write_text(text.replace("s2/", "s1/"))
    assert_points(labels)
    (tmp_path / "s1").rename(tmp_path / "of another name")
    assert_points(tmp_path / "of another name" / labels.name)
    individuals = text.replace("bodyparts", "individuals,,,,,,\nbodyparts", 1)  # which sleap-io reads
    (tmp_path / "of another name" / labels.name).write_text(individuals)
    with pytest.raises(UserError, match=r"labels labeled-data/s\d/im\d\.png, but there is no such image"):
        read_imported(tmp_path / "of another name" / labels.name)


def test_images_that_are_links_have_the_names_of_the_folders_that_they_stand_in(tmp_path):
    names = [f"labeled-data/s{number % 2}/im{number}.png" for number in range(4)]
    for name in names:
        image(tmp_path / "store" / f"KEY{name[-5]}" / "file.png")
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).symlink_to(tmp_path / "store" / f"KEY{name[-5]}" / "file.png")
    old = [f"/gone/{name}" for name in names]
    labels = lightning_pose_table(tmp_path / "lab" / "CollectedData.csv", old, tmp_path / "unused")
    assert assert_points(labels).videos == ("s0", "s1", "s0", "s1")


def test_a_study_of_a_label_file_that_is_a_link_is_called_after_the_link(drawn, tmp_path):
    (tmp_path / "store").mkdir()
    slp_images(drawn, tmp_path / "store").rename(tmp_path / "store" / "KEY")
    (tmp_path / "reach.slp").symlink_to("store/KEY")
    write_first_config(str(tmp_path / "reach.slp"), None, tmp_path / "config.yaml", gpu=False)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["study"] == "reach"


def test_cells_that_pandas_takes_for_missing_are_not_labelled(tmp_path):
    cells = [10, 20, "NA", "NA", "<NA>", "null"]
    read = read_imported(lightning_pose_table(tmp_path / "CollectedData.csv", IMAGES, tmp_path, cells))
    assert np.isfinite(read.xy).all(axis=2).tolist() == [[True, False, False]] * 4


def test_a_lightning_pose_table_with_a_row_twice_is_refused_as_such(tmp_path):
    names = [f"im{number}.png" for number in (0, 1, 2, 1)]
    labels = lightning_pose_table(tmp_path / "CollectedData.csv", names, tmp_path)
    with pytest.raises(UserError, match=r"more than one row for im1\.png"):
        read_imported(labels)


def test_a_lightning_pose_table_with_a_keypoint_twice_is_refused_as_such(tmp_path):
    labels = lightning_pose_table(tmp_path / "CollectedData.csv", IMAGES, tmp_path)
    labels.write_text(labels.read_text().replace("tail", "ear"))
    with pytest.raises(UserError, match="more than one column 'ear' x; give each keypoint a name of its own"):
        read_imported(labels)


def test_images_of_another_size_than_the_file_says_are_refused_with_both_sizes(tmp_path):
    content = coco_content(tmp_path / "coco")
    unknown = written(
        tmp_path / "coco" / "unknown.json", content | {"images": [{"width": 0} | each for each in content["images"]]}
    )
    content["images"] = [each | {"width": 64, "height": 48} for each in content["images"]]
    coco_file = written(tmp_path / "coco" / "labels.json", content)
    tasks = written(tmp_path / "tasks" / "labels.json", label_studio_tasks(tmp_path / "tasks"))
    films_of(tmp_path / "films", ["day1"])
    cases = [(coco_file, "coco/im2.png"), (tasks, "tasks/images/im2.png"), (tmp_path / "films/day1/labels.slp", "")]
    for labels, picture in cases:
        if picture:
            image(tmp_path / picture, size=(128, 96))
        else:
            write_film(labels.parent / "cam.avi", [np.zeros((96, 128, 3), np.uint8)] * 8, 10, "FFV1")
        with pytest.raises(RefusedError, match=r"labels\.(json|slp): .*128×96 px, not 64×48"):
            read_imported(labels)
    assert_points(unknown)


def test_labels_of_a_missing_image_are_not_put_on_another_whose_path_ends_alike(tmp_path):
    content = coco_content(tmp_path / "day1")
    content["images"] = [each | {"file_name": f"/gone/a/day1/{each['file_name']}"} for each in content["images"]]
    assert_points(written(tmp_path / "labels.json", content))
    content["images"].append({"id": 9, "file_name": "/gone/b/day1/im1.png"})  # without a label
    with pytest.raises(UserError, match=r"a/day1/im1\.png is labelled, but .*day1/im1\.png may as well be .*b/day1"):
        read_imported(written(tmp_path / "twice.json", content))


def test_a_category_of_coco_without_names_of_keypoints_is_named(tmp_path):
    content = coco_content(tmp_path)
    del content["categories"][0]["keypoints"]
    with pytest.raises(UserError, match=r"labels\.json: the category 'mouse' names no keypoints"):
        read_imported(written(tmp_path / "labels.json", content))


def test_a_small_export_of_label_studio_is_refused_by_its_name(tmp_path):
    tasks = [{"id": 0, "image": "im0.png", "kp-1": [{"x": 1, "y": 2}], "annotator": 1}]
    with pytest.raises(UserError, match=r"labels\.json: .*JSON-MIN.*; export the labels as JSON"):
        read_imported(written(tmp_path / "labels.json", tasks))


def test_names_that_snakemake_or_tables_misread_are_reported_of_other_tools_files_too(drawn, tmp_path):
    labels = coco(drawn, tmp_path)
    content = json.loads(labels.read_text())
    for number, image in enumerate(content["images"][:6]):
        renamed = f"images/im{{{number}}}.png"
        (tmp_path / image["file_name"]).rename(tmp_path / renamed)
        image["file_name"] = renamed
    content["categories"][0]["keypoints"][0] = "snout\ttip"
    labels = labels.rename(tmp_path / "labels {v1}.json")
    labels.write_text(json.dumps(content))
    errors = [str(problem) for problem in inspect_labels(labels).problems if problem.severity == "error"]
    assert len(errors) == 2
    assert "snout\\ttip" in errors[0]
    assert "labels {v1}.json: " in errors[1]
    assert "6 more in images" in errors[1]


def test_a_json_list_that_holds_no_tasks_is_no_export_of_label_studio() -> None:
    assert is_json_min([{"annotator": 1, "image": "a.png"}])
    assert not is_json_min([1, 2]) and not is_json_min(["annotator"])
    assert not is_json_min([{"annotator": 1}, {"image": "a.png"}]) and not is_json_min([])
