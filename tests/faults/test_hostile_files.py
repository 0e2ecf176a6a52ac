"""Files that are not what they seem: lists named as videos, HDF5 that leads elsewhere, pipes, libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from bad_inputs.cases import LISTS
from conftest import REPOSITORY
from films import write_film
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import LabelledProject, inspect_project, read_project
from frameworth.labels.hdf5_content import reaching_out
from frameworth.labels.imported import read_imported, write_imported
from frameworth.labels.video_content import refuse_no_film
from frameworth.videos.video_files import read_video
from label_files import nwb, slp_embedded, slp_videos
from tiny import draw


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> LabelledProject:
    return read_project(draw(tmp_path_factory.mktemp("drawn") / "project"))


def test_ffmpeg_itself_opens_no_list_even_if_nobody_looked_at_the_file_before(tmp_path: Path) -> None:
    write_film(tmp_path / "other.avi", [np.full((48, 64, 3), 8 * index, np.uint8) for index in range(3)], codec="MJPG")
    path = tmp_path / "walk.mp4"
    path.write_text(LISTS["an ffconcat list"])

    def frames() -> int:
        capture, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
        while capture.isOpened() and capture.read()[0]:
            count += 1
        return count

    assert frames() == 0
    options = os.environ.pop("OPENCV_FFMPEG_CAPTURE_OPTIONS")
    try:
        assert frames() == 3, "FFmpeg does not read lists any more, and this test shows nothing"
    finally:
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = options


# Of each container, what FFmpeg is told beside the file's suffix.
KINDS = {
    "mp4": "-c:v libx264", "mov": "-c:v libx264", "avi": "-c:v mjpeg", "mkv": "-c:v ffv1", "webm": "-c:v libvpx",
    "mts": "-c:v libx264", "m2ts": "-c:v libx264 -mpegts_m2ts_mode 1", "mpg": "-c:v mpeg2video",
    "m2v": "-c:v mpeg2video", "m1v": "-c:v mpeg1video", "m4v": "-c:v mpeg4", "h264": "-c:v libx264",
    "hevc": "-c:v libx265", "wmv": "-c:v wmv2", "flv": "-c:v flv", "ogv": "-c:v libtheora", "gif": "",
    "mxf": "-c:v mpeg2video", "nut": "-c:v mjpeg", "ivf": "-c:v libvpx", "mjpeg": "-c:v mjpeg",
    "y4m": "-pix_fmt yuv420p", "3gp": "-c:v mpeg4",
}  # fmt: skip


def test_films_of_all_kinds_that_are_named_are_films_whatever_they_are_called(tmp_path: Path) -> None:
    for suffix, options in KINDS.items():
        path = tmp_path / f"film.{suffix}"
        source = ["-f", "lavfi", "-i", "testsrc=duration=1:size=64x48:rate=25"]
        subprocess.run([get_ffmpeg_exe(), "-v", "error", *source, *options.split(), str(path)], check=True)
        path = path.rename(tmp_path / f"a:b concat:walk {suffix}")
        refuse_no_film(path)
        assert sum(len(part.images) for part in read_video(path, 4)) >= 23, suffix


def test_a_list_among_the_videos_of_a_label_file_is_refused(drawn: LabelledProject, tmp_path: Path) -> None:
    labels = slp_videos(drawn, tmp_path)
    walk = tmp_path / f"{drawn.videos[0]}.avi"
    walk.rename(tmp_path / "other.avi")
    walk.write_text(LISTS["an ffconcat list"])
    with pytest.raises(UserError, match=rf"{walk.name}: is a playlist or another list of files"):
        write_imported(labels, tmp_path / "imported")


@pytest.mark.parametrize(
    ("write", "kind"),
    [(nwb, "link"), *((slp_embedded, kind) for kind in ("link", "hidden link", "raw values", "virtual values"))],
)
def test_labels_that_take_content_from_another_file_are_refused_by_its_name(
    drawn: LabelledProject, tmp_path: Path, write: object, kind: str
) -> None:
    labels = write(drawn, tmp_path)  # type: ignore[operator]
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(12.0)
    with h5py.File(labels, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        name = names[0]
        del file[name]
        if kind == "link":
            file[name] = h5py.ExternalLink(other, "secret")
        elif kind == "hidden link":
            file["aside"] = h5py.ExternalLink(other, "/")
            file[name] = h5py.SoftLink("/aside/secret")
        elif kind == "raw values":
            file.create_dataset(name, 12, "f8", external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(12, "f8")
            layout[:] = h5py.VirtualSource(other, "secret", 12)
            file.create_virtual_dataset(name, layout)
    with pytest.raises(UserError, match=rf"{labels.name}: /\S* (is a link to|has its values in) another file; save"):
        read_imported(labels)


def test_links_in_circles_and_claims_of_what_is_not_stored_end(tmp_path: Path) -> None:
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        file["a/b"] = file.create_group("c")
        file["c/up"] = file["a"]
        file["c/soft"] = h5py.SoftLink("/a/b/soft")
        file["zeros"] = np.zeros(10**6)
        file.create_dataset("small", 10**7, "f8", chunks=True)
        assert reaching_out(file) is None
        file.create_dataset("huge", (10**6, 10**6), "f8", chunks=True)
        assert "/huge holds more than 256 MiB" in (reaching_out(file) or "")


def test_a_pipe_or_a_vast_file_in_place_of_config_yaml_is_refused_and_not_waited_for(
    drawn: LabelledProject, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    (problem,) = inspect_project(tmp_path).problems
    assert "config.yaml: cannot be read (no regular file)" in str(problem)
    config.unlink()
    config.write_text("# " + "x" * (3 << 20))
    (problem,) = inspect_project(tmp_path).problems
    assert "more than 2 MiB" in str(problem)


def test_json_nested_deeper_than_any_stack_is_refused(tmp_path: Path) -> None:
    for name, content in {"a.json": "[" * 200_000, "b.json": '{"a":' * 200_000, "c.json": "9" * 10_000}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(UserError, match=name):
            read_imported(tmp_path / name)


@pytest.mark.parametrize("before", [None, "", "/usr/lib/x:", ":/usr/lib/x"])
def test_programs_that_are_started_look_for_no_library_in_the_working_directory(before: str | None) -> None:
    """OpenCV leaves an empty place in LD_LIBRARY_PATH, which means the working directory."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    environment["PYTHONPATH"] = str(REPOSITORY / "workflow")
    if before is not None:
        environment["LD_LIBRARY_PATH"] = before
    code = "import frameworth, cv2, json, os; print(json.dumps(os.environ['LD_LIBRARY_PATH'].split(':')))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    places = json.loads(done.stdout)
    assert all(Path(place).is_absolute() for place in places)
    assert ("/usr/lib/x" in places) is bool(before)


def test_a_list_of_ten_million_names_that_takes_no_room_is_refused_before_it_is_gone_through(tmp_path: Path) -> None:
    project = draw(tmp_path / "project")
    labels = next(project.rglob("CollectedData_*.h5"))
    with h5py.File(labels, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        (level,) = (name for name in names if name.endswith("block0_items_level0"))
        del file[level]
        file.create_dataset(level, (10**7, 0), "f8")
    began = time.process_time()
    with pytest.raises(UserError, match=rf"{labels.name}: cannot be read safely \(its names are no list of at most"):
        read_project(project)
    assert time.process_time() - began < 5
