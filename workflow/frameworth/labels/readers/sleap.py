"""What sleap-io reads, as a table of labels: SLEAP, NWB, and files that no other reader here takes.

sleap-io's loaders for these formats parse JSON, CSV and HDF5 (through h5py); none of them unpickles. Its only use
of pickle is in `load_dlc_splits`, which is not called. It opens videos only where a frame of them is asked for. HDF5
that leads to other files, and videos that are lists of other files, are refused before sleap-io sees them.
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
from frameworth.labels.names import natural_key
from frameworth.labels.readers.deeplabcut_csv import read_csv
from frameworth.labels.readers.tables import ADVICE, LabelTable, Picture, find_image
from frameworth.labels.video_content import refuse_no_film

if TYPE_CHECKING:
    import sleap_io

FILMS = (".mp4", ".avi", ".mov", ".mj2", ".mkv")  # what sleap-io hands to FFmpeg


def read_sleap(path: Path) -> LabelTable:
    """The hand-labelled frames of a file; predictions are none.

    Raises UserError, naming file and frame, for what cannot be read, or is not there.
    """
    animals = [
        (frame, animal)
        for frame in _frames(path)
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
    if path.suffix.lower() == ".json":  # Label Studio orders none, and sleap-io hands them over in the order of a set
        order.sort(key=lambda index: natural_key(names[index].strip()))
    videos: dict[tuple[Path, str], sleap_io.Video] = {}
    rows = [
        (_picture(frame.video, int(frame.frame_idx), path, videos), animal.numpy()[order]) for frame, animal in animals
    ]
    return LabelTable(tuple(names[index] for index in order), tuple(skeleton.edge_names), tuple(rows))


def _frames(path: Path) -> list[Any]:
    _refuse_reaching_out(path)
    options: dict[str, Any] = {"open_videos": False}
    if _is_deeplabcut_csv(path):
        _check_images(path)
        options["config"] = False  # none of a folder above
    import sleap_io

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        try:
            frames = list(sleap_io.load_file(str(path), **options).labeled_frames)
        except Exception as error:  # whatever a parser raises of a stranger's file
            raise UserError(f"{path}: sleap-io cannot read it ({one_line(error)}); {ADVICE}") from None
    # Of a Label Studio task with two annotations it takes the first, and says so.
    for remark in said if path.suffix.lower() == ".json" else ():
        if "sleap_io" in remark.filename:
            raise UserError(f"{path}: sleap-io says: {one_line(remark.message)}; mend that first")
    return frames


def _refuse_reaching_out(path: Path) -> None:
    """Raise UserError if an HDF5 file takes content from another; any other kind of file passes."""
    if not h5py.is_hdf5(path):
        return
    try:
        with h5py.File(path, "r") as file:
            way = reaching_out(file)
    except Exception as error:  # whatever a broken file makes h5py raise
        raise UserError(f"{path}: cannot be read ({one_line(error)}); save it again") from None
    if way:
        raise UserError(f"{path}: {way}; save the labels again with all that belongs to them in one file")


def _is_deeplabcut_csv(path: Path) -> bool:
    from sleap_io.io.dlc import is_dlc_file

    return path.suffix.lower() == ".csv" and is_dlc_file(path)


def _check_images(csv: Path) -> None:
    """Raise UserError if an image of a DeepLabCut-like table is missing: sleap-io would mistake the next for it."""
    for row in ("/".join(parts) for parts in read_csv(csv, []).frames):
        if not any(path.is_file() for path in (csv.parent / row, csv.parent / Path(row).name, csv.parent.parent / row)):
            raise UserError(
                f"{csv}: labels {row}, but there is no such image beside the file; put it back, or remove its row"
            )


def _picture(
    video: sleap_io.Video, index: int, labels: Path, videos: dict[tuple[Path, str], sleap_io.Video]
) -> Picture:
    """Where frame `index` of `video` is; each video is opened once and kept in `videos`, by path and dataset."""
    names = [video.filename] if isinstance(video.filename, str | Path) else list(video.filename)
    if video.is_cropped:
        raise UserError(
            f"{labels}: frame {index} of {names[0]} is a crop of a video; save the labels with embedded images "
            "(.pkg.slp) and give these"
        )
    dataset = video.backend_metadata.get("dataset") or getattr(video.backend, "dataset", None) or ""
    if not dataset and (len(names) > 1 or str(names[0]).lower().endswith(_image_suffixes())):
        if not 0 <= index < len(names):
            raise UserError(f"{labels}: labels image {index} of {len(names)}; correct the file")
        return Picture(_file(str(names[index]), index, labels))
    path = _file(str(names[0]), index, labels)
    return Picture(path, index, _opened(path, dataset, videos), dataset)


def _opened(path: Path, dataset: str, videos: dict[tuple[Path, str], sleap_io.Video]) -> sleap_io.Video:
    import sleap_io

    if (path, dataset) not in videos:
        if path.suffix.lower() in FILMS:
            refuse_no_film(path)
        _refuse_reaching_out(path)
        try:
            # Not as `a:b`, which may be a protocol's name to FFmpeg.
            videos[path, dataset] = sleap_io.Video.from_filename(str(path.absolute()), dataset=dataset or None)
        except Exception as error:  # whatever a decoder raises
            raise UserError(f"{path}: not a readable video ({one_line(error)}); put a whole one there") from None
    return videos[path, dataset]


def _image_suffixes() -> tuple[str, ...]:
    from sleap_io.io.video_reading import ImageVideo

    return tuple(f".{suffix.lower()}" for suffix in ImageVideo.EXTS)


def _file(name: str, index: int, labels: Path) -> Path:
    """The image or video of this name; relative names are seen from the label file, or else from here."""
    frame = f"frame {index} of {name}"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
        raise UserError(f"{labels}: {frame} lies on the network; download it, and correct its path")
    if path := find_image(name, [labels.parent, Path()]):
        return path
    # A path of another system, or of a machine where it was labelled: the video may lie beside the labels. But no image
    # may, as those of two videos share names.
    beside = labels.parent / re.split(r"[\\/]", name)[-1]
    if beside.is_file() and not name.lower().endswith(_image_suffixes()):
        return beside
    raise UserError(f"{labels}: {frame} is labelled, but not there; put it there, or correct its path in the labels")
