"""Reads label files with sleap-io: SLEAP, NWB, and files that no other reader here reads.

sleap-io's loaders for these formats parse JSON, CSV and HDF5 (through h5py); none of them unpickles. Its only use
of pickle is in `load_dlc_splits`, which is not called. It opens a video only when a frame of it is requested. HDF5
files that lead to other files, and videos that are lists of other files, are refused before sleap-io reads them.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from frameworth.errors import UserError, one_line
from frameworth.labels.hdf5_content import reaching_out
from frameworth.labels.names import is_file, natural_key
from frameworth.labels.readers.deeplabcut_csv import read_csv
from frameworth.labels.readers.tables import ADVICE, LabelTable, NamedFiles, Picture, file_name
from frameworth.labels.video_content import refuse_no_film

if TYPE_CHECKING:
    import sleap_io

FILMS = (".mp4", ".avi", ".mov", ".mj2", ".mkv")  # sleap-io opens these with FFmpeg


def read_sleap(path: Path) -> LabelTable:
    """The hand-labelled frames of a file, without predictions.

    Raises UserError, naming file and frame, if something cannot be read or is missing.
    """
    frames, listed = _loaded(path)
    animals = [
        (frame, animal)
        for frame in frames
        for animal in frame.user_instances
        if np.isfinite(animal.numpy()).all(axis=1).any()
    ]
    skeletons = {tuple(animal.skeleton.node_names): animal.skeleton for _, animal in animals}
    if len(skeletons) > 1:
        raise UserError(
            f"{path}: labels {len(skeletons)} kinds of animal, with keypoints "
            f"{' and '.join(', '.join(names) for names in skeletons)}; keep one of them"
        )
    if not animals:
        return LabelTable((), (), ())
    ((names, skeleton),) = skeletons.items()
    order = list(range(len(names)))
    if path.suffix.lower() == ".json":  # Label Studio has no order, and sleap-io's order is that of a set
        order.sort(key=lambda index: natural_key(names[index].strip()))
    pictures = _Pictures(path, listed)
    rows = [(pictures.picture(frame.video, int(frame.frame_idx)), animal.numpy()[order]) for frame, animal in animals]
    keypoints = tuple(names[index] for index in order)
    return LabelTable(keypoints, tuple(skeleton.edge_names), tuple(rows), sizes=pictures.sizes)


def _loaded(path: Path) -> tuple[list[Any], list[str]]:
    """The labelled frames, and the names of all images and videos that the file lists, with labels or without."""
    _refuse_reaching_out(path)
    options: dict[str, Any] = {"open_videos": False}
    if _is_deeplabcut_csv(path):
        _check_images(path)
        options["config"] = False  # do not read one from a parent folder
    import sleap_io

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            labels: Any = sleap_io.load_file(str(path), **options)
            frames = list(labels.labeled_frames)
            listed = [name for video in labels.videos for name in _file_names(video)]
        except Exception as error:  # parsers may raise anything for an untrusted file
            raise UserError(f"{path}: sleap-io cannot read it ({one_line(error)}); {ADVICE}") from None
    # If a Label Studio task has two annotations, sleap-io takes the first and warns.
    for remark in caught if path.suffix.lower() == ".json" else ():
        if "sleap_io" in remark.filename:
            raise UserError(f"{path}: sleap-io says: {one_line(remark.message)}; correct that first")
    return frames, listed


def _refuse_reaching_out(path: Path) -> None:
    """Raise UserError if an HDF5 file reads content from another file; other kinds of files pass."""
    if not h5py.is_hdf5(path):
        return
    try:
        with h5py.File(path, "r") as file:
            way = reaching_out(file)
    except Exception as error:  # h5py may raise anything for a broken file
        raise UserError(f"{path}: cannot be read ({one_line(error)}); save it again") from None
    if way:
        raise UserError(f"{path}: {way}; save the labels again with all that belongs to them in one file")


def _is_deeplabcut_csv(path: Path) -> bool:
    from sleap_io.io.dlc import is_dlc_file

    return path.suffix.lower() == ".csv" and is_dlc_file(path)


def _check_images(csv: Path) -> None:
    """Raise UserError if sleap-io would not find an image of a DeepLabCut-like table, or would find a wrong one."""
    rows = ["/".join(parts) for parts in read_csv(csv, []).frames]
    folders = {Path(row).parent for row in rows}
    for row in rows:
        places = (csv.parent / row, csv.parent / Path(row).name, csv.parent.parent / row)  # in sleap-io's order
        image = next((path for path in places if is_file(path)), None)
        is_theirs = image != places[1] or len(folders) == 1 or Path(row).parent.name in ("", csv.parent.resolve().name)
        if image is None or not is_theirs:
            raise UserError(
                f"{csv}: labels {row}, but there is no such image beside the file; put it back, or remove its row"
            )


def _file_names(video: sleap_io.Video) -> list[str]:
    """The file name of a video or, if its frames are image files, the names of these."""
    names = video.filename
    return [str(names)] if isinstance(names, str | Path) else [str(name) for name in names]


class _Pictures:
    """Finds the images or video frames of a label file; each video is opened once.

    Args:
        labels: the label file. listed: the names of all images and videos that it lists.
    """

    def __init__(self, labels: Path, listed: list[str]) -> None:
        self.sizes: dict[Picture, tuple[Any, Any]] = {}  # of video frames, as the label file states them
        self._labels = labels
        self._files = NamedFiles(labels, listed, [labels.parent, Path()])  # or relative to the working directory
        self._videos: dict[tuple[Path, str], sleap_io.Video] = {}

    def picture(self, video: sleap_io.Video, index: int) -> Picture:
        """The picture of frame `index` of `video`; raises UserError if it is missing or cannot be determined."""
        labels, names = self._labels, _file_names(video)
        embed = "save the labels with embedded images (.pkg.slp) and give these"
        if video.is_cropped:
            raise UserError(f"{labels}: frame {index} of {names[0]} is a crop of a video; {embed}")
        dataset = video.backend_metadata.get("dataset") or getattr(video.backend, "dataset", None) or ""
        if not dataset and (len(names) > 1 or names[0].lower().endswith(_image_suffixes())):
            if len(names) == 1 and index and names[0].lower().endswith((".tif", ".tiff")):
                what = f"frame {index} of {names[0]} is a page of a TIFF stack, which frameworth does not read"
                raise UserError(f"{labels}: {what}; {embed}")
            if not 0 <= index < len(names):
                raise UserError(f"{labels}: labels image {index} of {len(names)}; correct the file")
            return Picture(self._file(names[index], index))
        path = self._file(names[0], index)
        picture = Picture(path, index, self._opened(path, dataset), dataset)
        if shape := None if dataset else video.backend_metadata.get("shape"):
            self.sizes[picture] = shape[2], shape[1]
        return picture

    def _opened(self, path: Path, dataset: str) -> sleap_io.Video:
        import sleap_io

        if (path, dataset) not in self._videos:
            if path.suffix.lower() in FILMS:
                refuse_no_film(path)
            _refuse_reaching_out(path)
            try:
                # The path is absolute, because FFmpeg may read a relative name `a:b` as a protocol.
                video = sleap_io.Video.from_filename(str(path.absolute()), dataset=dataset or None)
            except Exception as error:  # decoders may raise anything
                raise UserError(f"{path}: not a readable video ({one_line(error)}); put a whole one there") from None
            self._videos[path, dataset] = video
        return self._videos[path, dataset]

    def _file(self, name: str, index: int) -> Path:
        """The path of the image or video with this name; raises UserError if it is not found."""
        where = f"{self._labels}: frame {index} of {name}"
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
            raise UserError(f"{where} lies on the network; download it, and correct its path")
        if path := self._files.find(name):
            return path
        # The path may be of another machine. Then a video beside the labels is used if no other listed file has its
        # file name. An image is not, because images of two videos often have the same name.
        beside = self._labels.parent / file_name(name)
        if self._files.is_only(name) and is_file(beside) and not name.lower().endswith(_image_suffixes()):
            return beside
        raise UserError(f"{where} is labelled, but not there; put it there, or correct its path in the labels")


def _image_suffixes() -> tuple[str, ...]:
    from sleap_io.io.video_reading import ImageVideo

    return tuple(f".{suffix.lower()}" for suffix in ImageVideo.EXTS)
