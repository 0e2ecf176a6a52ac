"""Write DeepLabCut's tables, each as CSV and HDF5: hand labels, machine labels to refine, and predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.storage.files import atomic_path
from frameworth.storage.pytables import write_pytables


def write_collected_data(
    project: Path,
    scorer: str,
    keypoints: Sequence[str],
    videos: Sequence[str],
    images: Sequence[str],
    xy: np.ndarray,
    decimals: int | None = 3,
) -> None:
    """Write the labels of each video below `project/labeled-data`; `xy` [N, K, 2] px, NaN where missing.

    Args:
        decimals: decimals to round to; None keeps every bit, so that stored networks with these labels are found.
    """
    values = xy if decimals is None else xy.round(decimals)
    for folder, rows, index in _by_video(project, videos, images):
        name = f"CollectedData_{scorer}"
        _write(_table(values[rows], scorer, keypoints, index), folder / f"{name}.csv", folder / f"{name}.h5")


def write_stored_labels(
    path: Path, images: Sequence[str], header: Sequence[tuple[str, ...]], cells: np.ndarray
) -> None:
    """Write the labels of one video, with any bodyparts and individuals, as CSV and as HDF5; `path` is either file.

    Args:
        header: [C] scorer, individual (optional), bodypart, coordinate. cells: [images, C], NaN where missing.
    """
    names = ["scorer", *(["individuals"] if len(header[0]) == 4 else []), "bodyparts", "coords"]
    index = labelled_images_index([path.parent.name] * len(images), images)
    table = pd.DataFrame(cells, index=index, columns=pd.MultiIndex.from_tuples(header, names=names))
    _write(table, path.with_suffix(".csv"), path.with_suffix(".h5"))


def write_machine_labels(
    project: Path,
    scorer: str,
    keypoints: Sequence[str],
    videos: Sequence[str],
    images: Sequence[str],
    xy: np.ndarray,
    likelihood: np.ndarray,
) -> None:
    """Write predicted labels `xy` [N, K, 2] px and `likelihood` [N, K] as DeepLabCut does for frames to refine."""
    values = np.dstack([xy, likelihood])
    for folder, rows, index in _by_video(project, videos, images):
        table = _table(values[rows], scorer, keypoints, index)
        _write(table, folder / "machinelabels.csv", folder / "machinelabels-iter0.h5")


def write_predicted_table(
    pose: np.ndarray, confidence: np.ndarray, keypoints: Sequence[str], index: pd.Index, scorer: str, stem: Path
) -> None:
    """Write predicted positions in DeepLabCut's format: scorer / bodyparts / x, y, likelihood.

    Args:
        pose: [N, K, 2] px. confidence: [N, K].
        index: [N], the index of labelled images, or the frames' numbers in a video.
        stem: the path of the two files without `.h5` and `.csv`.
    """
    values = np.dstack([pose, confidence]).astype(float)
    _write(_table(values, scorer, keypoints, index), stem.with_suffix(".csv"), stem.with_suffix(".h5"))


def labelled_images_index(videos: Sequence[str], images: Sequence[str]) -> pd.MultiIndex:
    """The index that DeepLabCut's tables of labelled images have."""
    return pd.MultiIndex.from_tuples([("labeled-data", *names) for names in zip(videos, images, strict=True)])


def _by_video(
    project: Path, videos: Sequence[str], images: Sequence[str]
) -> Iterator[tuple[Path, list[int], pd.MultiIndex]]:
    """The folder of each video, the numbers of its rows, and the index of these rows."""
    for video in dict.fromkeys(videos):
        rows = [row for row, name in enumerate(videos) if name == video]
        index = labelled_images_index([video] * len(rows), [images[row] for row in rows])
        yield project / "labeled-data" / video, rows, index


def _table(values: np.ndarray, scorer: str, keypoints: Sequence[str], index: pd.Index) -> pd.DataFrame:
    """A table of values [N, K, 2 or 3]: x, y and, if there are three, the likelihood."""
    coords = ["x", "y", "likelihood"][: values.shape[2]]
    columns = pd.MultiIndex.from_product([[scorer], list(keypoints), coords], names=["scorer", "bodyparts", "coords"])
    return pd.DataFrame(values.reshape(len(index), -1), index=index, columns=columns)


def _write(table: pd.DataFrame, csv: Path, h5: Path) -> None:
    with atomic_path(csv) as temporary:
        table.to_csv(temporary, lineterminator="\n")
    # DeepLabCut stores videos as a PyTables table, which is impossible with an index of several levels.
    write_pytables(h5, table, "fixed" if table.index.nlevels > 1 else "table")
