"""Labels of other tools, read through sleap-io, as a single-animal DeepLabCut project. The source is only read.

sleap-io's loaders for these formats parse JSON, CSV and HDF5 (through h5py); none of them unpickles. Its only use
of pickle is in `load_dlc_splits`, which is not called. It opens videos only where a frame of them is asked for. HDF5
that leads to other files, and videos that are lists of other files, are refused before sleap-io sees them.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from PIL import Image

from frameworth.errors import Problem, RefusedError, UserError, refuse_errors
from frameworth.labels.deeplabcut import drop_invisible
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.hdf5_content import reaching_out
from frameworth.labels.images import image_size
from frameworth.labels.label_files import IGNORED_FOLDERS
from frameworth.labels.names import natural_key
from frameworth.labels.project_config import project_config
from frameworth.labels.readers.coco import is_coco, read_coco
from frameworth.labels.readers.deeplabcut_csv import csv_rows_images
from frameworth.labels.readers.label_studio import is_label_studio, read_label_studio
from frameworth.labels.readers.lightning_pose import read_lightning_pose
from frameworth.labels.readers.tables import LabelTable, find_image
from frameworth.labels.readers.ultralytics import read_ultralytics
from frameworth.labels.video_content import refuse_no_film
from frameworth.storage.files import atomic_path, copy_file, write_text

if TYPE_CHECKING:
    import sleap_io

SCORER = "imported"
ADVICE = "give a label file that sleap-io reads, such as .slp, COCO or Label Studio .json, .nwb, Lightning Pose .csv"
# What else sleap-io reads holds poses that no hand made (JABS, analysis files), or no poses.
SUFFIXES = (".slp", ".nwb", ".json", ".csv")
FILMS = (".mp4", ".avi", ".mov", ".mj2", ".mkv")  # what sleap-io hands to FFmpeg


@dataclass(frozen=True)
class Picture:
    """Where the image of a labelled frame is: a file of its own, or frame `index` of `video`."""

    path: Path  # of the image, the video, or the file that it is embedded in
    index: int
    video: sleap_io.Video | None  # None for an image file

    def pixels(self) -> np.ndarray:
        """The frame of a video, uint8 [height, width, 1 or 3]; raises UserError if it cannot be decoded."""
        assert self.video is not None
        try:
            return np.asarray(self.video[self.index])
        except Exception as error:  # whatever a decoder raises
            raise UserError(
                f"{self.path}: frame {self.index} cannot be read ({_one_line(error)}); put a whole video there, or "
                "remove its labels"
            ) from None

    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        if self.video is None:
            return image_size(self.path)
        height, width = self.pixels().shape[:2]
        return width, height


@dataclass(frozen=True)
class ImportedLabels:
    """The hand-labelled frames of a label file: N frames, K keypoints."""

    keypoints: tuple[str, ...]  # [K]
    skeleton: tuple[tuple[str, str], ...]
    videos: tuple[str, ...]  # [N] folder below labeled-data
    images: tuple[str, ...]  # [N] file name
    pictures: tuple[Picture, ...]  # [N]
    xy: np.ndarray  # float64 [N, K, 2], px, NaN where missing
    sources: tuple[Path, ...]  # the files that all this is read from
    problems: tuple[Problem, ...]  # warnings


def is_import(labels: Path) -> bool:
    """Whether `labels` is for this module: a label file, or an Ultralytics folder; else it is a DeepLabCut project."""
    if labels.is_dir():
        return (labels / "data.yaml").is_file() and not (labels / "config.yaml").exists()
    return labels.is_file() and labels.suffix.lower() not in (".yaml", ".yml")


def read_imported(labels: Path) -> ImportedLabels:
    """Read the hand-labelled frames of `labels`; predictions are none, and frames without a label are left out.

    Raises UserError, naming file and frame, for what cannot be read, is not there, or holds several animals.
    """
    stat = labels.stat()
    return _read(labels, (stat.st_mtime_ns, stat.st_size))


def write_imported(labels: Path, folder: Path) -> None:
    """Write what `read_imported` reads as a DeepLabCut project: images copied, frames of videos decoded to PNG."""
    imported = read_imported(labels)
    sizes: dict[str, tuple[int, int]] = {}
    for video, image, picture in zip(imported.videos, imported.images, imported.pictures, strict=True):
        target = folder / "labeled-data" / video / image
        if picture.video is None:
            sizes[video] = picture.size()
            copy_file(picture.path, target)
        else:
            pixels = picture.pixels()
            sizes[video] = (pixels.shape[1], pixels.shape[0])
            with atomic_path(target) as temporary:
                Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(temporary, format="PNG")
    write_collected_data(
        folder, SCORER, imported.keypoints, imported.videos, imported.images, imported.xy, decimals=None
    )
    task = _safe(labels.stem) or "labels"
    write_text(folder / "config.yaml", project_config(task, SCORER, imported.keypoints, imported.skeleton, sizes))


@lru_cache(maxsize=1)  # the workflow asks twice when it starts: for the files, and for the study's size
def _read(path: Path, changed: tuple[int, int]) -> ImportedLabels:
    frames, remarks = _load(path)
    labelled = list(_one_animal_each(frames, path))
    if not labelled:
        raise UserError(f"{path}: holds no hand-labelled frame (predictions are none); label frames first")
    skeletons = {tuple(instance.skeleton.node_names): instance.skeleton for _, instance in labelled}
    if len(skeletons) > 1:
        raise UserError(
            f"{path}: labels {len(skeletons)} kinds of animal, with keypoints "
            f"{' and '.join(', '.join(names) for names in skeletons)}; keep one of them"
        )
    ((names, skeleton),) = skeletons.items()
    keypoints = tuple(name.strip() for name in names)
    for name, count in Counter(keypoints).items():
        if count > 1 or not name:
            raise UserError(f"{path}: has {count} keypoints of the name '{name}'; give each a name of its own")
    # Label Studio's files do not order keypoints, and sleap-io hands them over in the order of a set.
    order = list(range(len(keypoints)))
    if _is_json_list(path):
        order.sort(key=lambda index: natural_key(keypoints[index]))
    opened: dict[tuple[Path, str], sleap_io.Video] = {}
    pictures = tuple(_picture(frame.video, frame.frame_idx, path, opened) for frame, _ in labelled)
    xy = np.stack([instance.numpy()[order] for _, instance in labelled]).astype(float)
    xy, problems = _inside(xy, pictures, [keypoints[index] for index in order], path)
    refuse_errors(problems)
    kept = np.flatnonzero(np.isfinite(xy).all(axis=2).any(axis=1))
    if not len(kept):
        raise UserError(f"{path}: no label lies within its image; correct the labels")
    xy, pictures = xy[kept], tuple(pictures[index] for index in kept)
    videos, images = _names(pictures, path)
    for (video, image), count in Counter(zip(videos, images, strict=True)).items():
        if count > 1:
            raise UserError(f"{path}: labels {video}/{image} {count} times; keep one of them")
    return ImportedLabels(
        keypoints=tuple(keypoints[index] for index in order),
        skeleton=tuple((edge.source.name.strip(), edge.destination.name.strip()) for edge in skeleton.edges),
        videos=videos,
        images=images,
        pictures=pictures,
        xy=xy,
        sources=tuple(dict.fromkeys([*_own_files(path), *(picture.path for picture in pictures)])),
        problems=(*remarks, *problems),
    )


def _inside(
    xy: np.ndarray, pictures: tuple[Picture, ...], keypoints: list[str], path: Path
) -> tuple[np.ndarray, list[Problem]]:
    """The labels without those outside their images, which DeepLabCut leaves out, too, and a word about these."""
    sizes, known = np.zeros((len(pictures), 2)), dict[Path, tuple[int, int]]()
    for index, picture in enumerate(pictures):
        try:
            if picture.path not in known or picture.video is None:
                known[picture.path] = picture.size()
            sizes[index] = known[picture.path]
        except RefusedError:  # an image that is told when it is looked at
            continue
    return drop_invisible(path, xy, sizes, keypoints, [picture.path.name for picture in pictures])


# -- sleap-io ---------------------------------------------------------------------------------------------


def _one_animal_each(frames: Iterable[Any], path: Path) -> Iterator[tuple[Any, Any]]:
    """Frames with their one hand-labelled animal."""
    for frame in frames:
        animals = [animal for animal in frame.user_instances if np.isfinite(animal.numpy()).all(axis=1).any()]
        if len(animals) > 1:
            raise UserError(
                f"{path}: {_described(frame.video.filename, frame.frame_idx)} has {len(animals)} labelled animals, "
                "which frameworth cannot weigh yet; keep the labels of one"
            )
        if animals:
            yield frame, animals[0]


def _load(path: Path) -> tuple[list[Any], tuple[Problem, ...]]:
    """All frames of a label file, or of all splits of an Ultralytics folder, and warnings."""
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: is no label file; {ADVICE}")
    _refuse_reaching_out(path)
    table = _own_table(path)
    if table is not None:
        return _frames_of(table), table.problems
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
            raise UserError(f"{path}: sleap-io cannot read it ({_one_line(error)}); {ADVICE}") from None
    # Of a Label Studio task with two annotations it takes the first, and says so.
    for remark in said if path.suffix.lower() == ".json" else ():
        if "sleap_io" in remark.filename:
            raise UserError(f"{path}: sleap-io says: {_one_line(remark.message)}; mend that first")
    return frames, ()


def _own_table(path: Path) -> LabelTable | None:
    """Labels of the kinds of file of which sleap-io leaves out what it cannot read; None for the others."""
    try:
        if path.is_dir():
            return read_ultralytics(path)
        if path.suffix.lower() == ".csv":
            return read_lightning_pose(path)
        if path.suffix.lower() == ".json":
            try:
                content = json.loads(path.read_text(encoding="utf-8-sig"))
            except (ValueError, RecursionError):
                return None  # sleap-io says what is wrong
            if is_coco(content):
                return read_coco(path, content)
            if is_label_studio(content):
                return read_label_studio(path, content)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        what = f"{type(error).__name__} {_one_line(error)}"
        raise UserError(f"{path}: is not as its kind of file should be ({what}); {ADVICE}") from None
    return None


def _frames_of(table: LabelTable) -> list[Any]:
    """A table as sleap-io's frames; an image's animals together."""
    import sleap_io

    nodes = [sleap_io.Node(name) for name in table.keypoints]
    edges = [
        sleap_io.Edge(nodes[first], nodes[second])
        for first, second in table.edges
        if first in range(len(nodes)) and second in range(len(nodes))
    ]
    skeleton = sleap_io.Skeleton(nodes, edges)
    animals: dict[Path, list[Any]] = {}
    for image, xy in table.rows:
        animals.setdefault(image, []).append(sleap_io.Instance.from_numpy(xy, skeleton=skeleton))
    return [
        sleap_io.LabeledFrame(
            video=sleap_io.Video(filename=[str(image)], open_backend=False), frame_idx=0, instances=instances
        )
        for image, instances in animals.items()
    ]


def _refuse_reaching_out(path: Path) -> None:
    """Raise UserError if an HDF5 file takes content from another; any other kind of file passes."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return
    try:
        with h5py.File(path, "r") as file:
            found = reaching_out(file)
    except Exception as error:  # whatever a broken file makes h5py raise
        raise UserError(f"{path}: cannot be read ({_one_line(error)}); save it again") from None
    if found:
        raise UserError(f"{path}: {found}; save the labels again with all that belongs to them in one file")


def _check_images(csv: Path) -> None:
    """Raise UserError if an image of a DeepLabCut-like table is missing: sleap-io would mistake the next for it."""
    for row in csv_rows_images(csv):
        if not any(path.is_file() for path in (csv.parent / row, csv.parent / Path(row).name, csv.parent.parent / row)):
            raise UserError(
                f"{csv}: labels {row}, but there is no such image beside the file; put it back, or remove its row"
            )


def _is_deeplabcut_csv(path: Path) -> bool:
    from sleap_io.io.dlc import is_dlc_file

    return path.suffix.lower() == ".csv" and is_dlc_file(path)


def _is_json_list(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(256).lstrip("\ufeff \t\r\n").startswith("[")


# -- images and videos ------------------------------------------------------------------------------------


def _picture(
    video: sleap_io.Video, index: int, labels: Path, opened: dict[tuple[Path, str], sleap_io.Video]
) -> Picture:
    """Where frame `index` of `video` is; videos are opened once and kept in `opened`, by path and dataset."""
    index, filename = int(index), video.filename
    if video.is_cropped:
        raise UserError(
            f"{labels}: {_described(filename, index)} is a crop of a video; save the labels with embedded images "
            "(.pkg.slp) and give these"
        )
    dataset = video.backend_metadata.get("dataset") or getattr(video.backend, "dataset", None)
    if dataset:  # embedded in an HDF5 file
        path = _found(str(filename), index, labels)
        return Picture(path, index, _opened(path, dataset, opened))
    names = list(filename) if isinstance(filename, list | tuple | np.ndarray) else [filename]
    if len(names) > 1 or str(names[0]).lower().endswith(_image_suffixes()):
        if not 0 <= index < len(names):
            raise UserError(f"{labels}: labels image {index} of {len(names)}; correct the file")
        return Picture(_found(str(names[index]), index, labels), 0, None)
    path = _found(str(names[0]), index, labels)
    return Picture(path, index, _opened(path, "", opened))


def _opened(path: Path, dataset: str, opened: dict[tuple[Path, str], sleap_io.Video]) -> sleap_io.Video:
    import sleap_io

    if (path, dataset) not in opened:
        if path.suffix.lower() in FILMS:
            refuse_no_film(path)
        _refuse_reaching_out(path)
        try:
            # Not as `a:b`, which may be a protocol's name to FFmpeg.
            opened[path, dataset] = sleap_io.Video.from_filename(str(path.absolute()), dataset=dataset or None)
        except Exception as error:  # whatever a decoder raises
            raise UserError(f"{path}: not a readable video ({_one_line(error)}); put a whole one there") from None
    return opened[path, dataset]


def _image_suffixes() -> tuple[str, ...]:
    from sleap_io.io.video_reading import ImageVideo

    return tuple(f".{suffix.lower()}" for suffix in ImageVideo.EXTS)


def _found(name: str, index: int, labels: Path) -> Path:
    """The image or video file; relative names are seen from the label file, or else from here."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
        raise UserError(f"{labels}: {_described(name, index)} lies on the network; download it, and correct its path")
    base = labels if labels.is_dir() else labels.parent
    # A path of another system, or of a machine where it was labelled: the file may lie beside the labels.
    beside = base / re.split(r"[\\/]", name)[-1]
    found = find_image(name, [base, Path()])
    if found is None and not name.lower().endswith(_image_suffixes()) and beside.is_file():
        found = beside  # but no image, as those of two videos share names
    if found is not None:
        return found
    raise UserError(
        f"{labels}: {_described(name, index)} is labelled, but not there; put it there, or correct its path "
        "in the labels"
    )


def _own_files(labels: Path) -> Iterable[Path]:
    if labels.is_file():
        return [labels]
    return sorted(path for path in labels.rglob("*") if path.suffix in (".txt", ".yaml"))


# -- names ------------------------------------------------------------------------------------------------


def _names(pictures: Iterable[Picture], labels: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A folder name per image folder or video, and a file name per frame, that a DeepLabCut project can have."""
    pictures = list(pictures)
    wanted = {_place(picture): _folder_name(picture) for picture in pictures}
    folders: dict[tuple[str, str], str] = {}
    for place in sorted(wanted):
        name, number = wanted[place], 1
        while name.casefold() in {taken.casefold() for taken in folders.values()}:
            number += 1
            name = f"{wanted[place]}-{number}"
        folders[place] = name
    videos = tuple(folders[_place(picture)] for picture in pictures)
    images = tuple(
        _safe(picture.path.name) if picture.video is None else f"img{picture.index:06d}.png" for picture in pictures
    )
    return videos, images


def _place(picture: Picture) -> tuple[str, str]:
    """What frames of one folder have in common."""
    if picture.video is None:
        return str(picture.path.parent), ""
    return str(picture.path), str(getattr(picture.video.backend, "dataset", None) or "")


def _folder_name(picture: Picture) -> str:
    if picture.video is None:
        name = picture.path.resolve().parent.name
    else:
        source = getattr(picture.video.backend, "source_filename", None)
        if isinstance(source, list | tuple):  # of embedded images
            source = Path(str(source[0])).parent if source else None
        name = re.split(r"[\\/]", str(source or picture.path))[-1]
        name = Path(name).stem
    name = _safe(name) or "video"
    return f"{name}_" if name.endswith(IGNORED_FOLDERS) else name


def _safe(name: str) -> str:
    """`name` without what paths, tables and DeepLabCut's reading of them would take for something else."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", name).strip()
    return f"_{name}" if name.startswith(".") else name


def _described(filename: Any, index: int) -> str:
    names = list(filename) if isinstance(filename, list | tuple | np.ndarray) else [filename]
    return f"frame {index} of {names[0]}" if len(names) == 1 else str(names[index] if index < len(names) else index)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
