"""A project's labels as other tools write them: one function per kind of file, which returns its path."""

from __future__ import annotations

import json

import numpy as np
import sleap_io

from films import write_film
from frameworth.labels.images import read_image


def labels_of(keypoints, bones, videos, places, poses):
    """sleap-io's labels; `places` [N] says which (video, index) each frame is, `poses` are [N, K, 2]."""
    skeleton = sleap_io.Skeleton(list(keypoints), edges=list(bones))
    frames = [
        sleap_io.LabeledFrame(
            video=videos[video], frame_idx=index, instances=[sleap_io.Instance.from_numpy(xy, skeleton=skeleton)]
        )
        for (video, index), xy in zip(places, poses, strict=True)
    ]
    return sleap_io.Labels(frames)


def on_one_video(keypoints, paths, poses):
    """Labels on image files, all one sleap-io video."""
    places = [(0, index) for index in range(len(paths))]
    return labels_of(keypoints, [], [sleap_io.Video.from_filename(paths)], places, poses)


def on_images(project):
    """Labels on image files, a sleap-io video per folder."""
    folders = list(dict.fromkeys(project.videos))
    by_folder = [
        [path for path, video in zip(project.paths, project.videos, strict=True) if video == folder]
        for folder in folders
    ]
    videos = [sleap_io.Video.from_filename([str(path) for path in paths]) for paths in by_folder]
    places = [
        (folders.index(video), by_folder[folders.index(video)].index(path))
        for path, video in zip(project.paths, project.videos, strict=True)
    ]
    return labels_of(project.keypoints, project.skeleton, videos, places, project.xy)


def on_videos(project, folder):
    """Labels on lossless films of the project's images, in which every image stands three times."""
    folders = list(dict.fromkeys(project.videos))
    places, pictures = [], {name: [] for name in folders}
    for path, name in zip(project.paths, project.videos, strict=True):
        places.append((folders.index(name), len(pictures[name]) + 1))
        pictures[name] += [(read_image(path) * shade).astype(np.uint8) for shade in (0.5, 1, 0.8)]
    films = [write_film(folder / f"{name}.avi", pictures[name], 10, "FFV1") for name in folders]
    videos = [sleap_io.Video.from_filename(str(film)) for film in films]
    return labels_of(project.keypoints, project.skeleton, videos, places, project.xy)


def slp_images(project, folder):
    sleap_io.save_slp(on_images(project), str(folder / "labels.slp"))
    return folder / "labels.slp"


def slp_embedded(project, folder):
    sleap_io.save_slp(on_videos(project, folder), str(folder / "labels.pkg.slp"), embed=True)
    for film in folder.glob("*.avi"):
        film.unlink()
    return folder / "labels.pkg.slp"


def slp_videos(project, folder):
    sleap_io.save_slp(on_videos(project, folder), str(folder / "labels.slp"), embed=False)
    return folder / "labels.slp"


def slp_moved(project, folder):
    (folder / "old").mkdir()
    sleap_io.save_slp(on_videos(project, folder / "old"), str(folder / "old" / "labels.slp"), embed=False)
    (folder / "old").rename(folder / "new")
    return folder / "new" / "labels.slp"


def coco(project, folder):
    """As annotation tools write it: places relative to the file, (0, 0) with visibility 0 where nothing is labelled."""
    names = list(project.keypoints)
    bones = [[names.index(first) + 1, names.index(second) + 1] for first, second in project.skeleton]
    content = {
        "categories": [{"id": 1, "name": "mouse", "keypoints": names, "skeleton": bones}],
        "images": [],
        "annotations": [],
    }
    for number, (path, xy) in enumerate(zip(project.paths, project.xy, strict=True), 1):
        name = f"images/{path.parent.name}/{path.name}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(path.read_bytes())
        points = [value for x, y in xy for value in ((float(x), float(y), 2) if np.isfinite(x) else (0, 0, 0))]
        content["images"].append({"id": number, "file_name": name, "width": 64, "height": 48})
        content["annotations"].append(
            {"id": number, "image_id": number, "category_id": 1, "keypoints": points, "iscrowd": 0}
        )
    (folder / "labels.json").write_text(json.dumps(content))
    return folder / "labels.json"


def label_studio(project, folder):
    sleap_io.save_labelstudio(on_images(project), str(folder / "labels.json"))
    return folder / "labels.json"


def nwb(project, folder):
    sleap_io.save_nwb(on_videos(project, folder), str(folder / "labels.nwb"), "annotations")
    return folder / "labels.nwb"


def ultralytics(project, folder):
    sleap_io.save_ultralytics(on_images(project), str(folder / "yolo"), split_ratios={"train": 0.7, "val": 0.3})
    return folder / "yolo"


def lightning_pose(project, folder):
    """One CSV beside labeled-data, with a path per row."""
    header = [["scorer"], ["bodyparts"], ["coords"]]
    for name in project.keypoints:
        for line, cells in zip(header, (["lp"] * 2, [name] * 2, ["x", "y"]), strict=True):
            line += cells
    rows = [",".join(line) for line in header]
    for path, xy in zip(project.paths, project.xy, strict=True):
        target = folder / "labeled-data" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        values = ["" if np.isnan(value) else repr(float(value)) for value in xy.ravel()]
        rows.append(",".join([f"labeled-data/{path.parent.name}/{path.name}", *values]))
    (folder / "CollectedData.csv").write_text("\n".join(rows) + "\n")
    return folder / "CollectedData.csv"


FORMATS = {
    "slp on images": (slp_images, 1e-9),
    "slp with embedded images": (slp_embedded, 1e-9),
    "slp on videos": (slp_videos, 1e-9),
    "slp beside its videos on another machine": (slp_moved, 1e-9),
    "COCO": (coco, 1e-3),
    "Label Studio": (label_studio, 1e-9),
    "NWB": (nwb, 1e-3),
    "Ultralytics": (ultralytics, 1e-3),
    "Lightning Pose": (lightning_pose, 1e-9),
}
