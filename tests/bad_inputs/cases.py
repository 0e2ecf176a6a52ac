"""The table of bad inputs: what is done to a good study, what frameworth must say of it, and why.

`error` stops the study before anything trains, `warning` is printed and the study goes on, `good` is nothing to speak of.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from bad_inputs.study import DLC_CONFIG, Study
from label_tables import of_individuals


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    part: str  # of the input
    name: str
    severity: str  # error, warning, good
    words: tuple[str, ...]  # that one line of the answer holds
    why: str
    make: Callable[[Study], Any]


CASES: list[Case] = []


def case(part: str, name: str, severity: str, words: str, why: str) -> Callable[[Callable[[Study], Any]], None]:
    """Add what is decorated to the table; `words` are separated by ` | `."""

    def add(make: Callable[[Study], Any]) -> None:
        CASES.append(Case(part, name, severity, tuple(filter(None, words.split(" | "))), why, make))

    return add


def config(name: str, severity: str, words: str, why: str, changes: dict[str, Any]) -> None:
    """A case of keys put into the config; `training__steps` changes one key of `training` only."""

    def make(study: Study) -> None:
        for key, value in changes.items():
            part, _, inner = key.partition("__")
            study.config[part] = study.config.get(part, {}) | {inner: value} if inner else value

    case("config", name, severity, words, why)(make)


def text(name: str, severity: str, words: str, why: str, content: str | bytes) -> None:
    """A case of a config file of this text."""
    case("config file", name, severity, words, why)(lambda study: setattr(study, "text", content))


def dlc_config(name: str, severity: str, words: str, why: str, content: str | bytes) -> None:
    """A case of a project's config.yaml of this text."""
    data = content.encode() if isinstance(content, str) else content
    case("config.yaml", name, severity, words, why)(lambda study: study.dlc_config.write_bytes(data))


def labels(name: str, severity: str, words: str, why: str, change: Callable[[pd.DataFrame], Any]) -> None:
    """A case of changed labels."""
    case("labels", name, severity, words, why)(lambda study: study.relabel(change))


def picture(name: str, severity: str, words: str, why: str, change: Callable[[Study], Any]) -> None:
    """A case of a changed image."""
    case("images", name, severity, words, why)(change)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("it-ran"),))


case("study", "a good study", "good", "", "must not be spoken of")(lambda study: None)

# -- plain data: of config files, of keys and values, and of projects' config.yaml ---------------------------

for KIND, ROWS in yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text()).items():
    for ROW in ROWS:
        {"text": text, "config": config, "dlc_config": dlc_config}[KIND](*ROW)

# -- the config file --------------------------------------------------------------------------------------

case("config file", "there is none", "error", "study.yaml | cannot be read", "nothing to do")(
    lambda study: setattr(study, "text", None) or study.folder.joinpath("absent").touch()
)
text("not UTF-8", "error", "study.yaml | cannot be read", "cannot be read", b"study: m\xff\n")
text("UTF-16, Notepad's 'Unicode'", "error", "study.yaml | not UTF-8 | save it as UTF-8", "an editor wrote it so",
     "study: mine\nlabels: project\n".encode("utf-16"))  # fmt: skip
text("a number with an exponent, 50.0 for 50, and a name that is a day", "good", "", "YAML reads them otherwise",
     "study: 2024-05-01\nlabels: project\nsubsets:\n  - {design: balanced, percents: 50.0, seeds: 8.0, members: 1.0}\n"
     "training: {net_type: resnet_50, weights: random, learning_rate: 1e-3, steps: 1e2, device: cpu}\n"
     "held_out:\nvideos:\n")  # fmt: skip
text("nested 100,000 deep", "error", "study.yaml | not valid YAML", "would overflow a stack", "[" * 100_000)
text(
    "a value of a billion values", "error", "config | more than 200000 values | aliases", "looking at it would never end",
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "study: *i\nlabels: project\n",
)  # fmt: skip

# -- keys and values --------------------------------------------------------------------------------------

config("a study's name of 300 characters", "error", "config: study | at most 80", "longer than file names",
       {"study": "a" * 300})  # fmt: skip


@case("config", "a file of weights that holds a program", "error", "training.weights | not a readable DeepLabCut snapshot",
      "weights are loaded without running anything")  # fmt: skip
def _(study: Study) -> None:
    (study.folder / "snapshot.pt").write_bytes(pickle.dumps(Bomb()))
    study.config["training"]["weights"] = "snapshot.pt"


@case(
    "config", "held out by video, of one video", "error", "held_out.by | at least two videos", "no video is left over"
)
def _(study: Study) -> None:
    for path in sorted(study.labels("day2").parent.iterdir()):
        path.unlink()
    study.config["held_out"] = {"by": "video"}


@case("config", "changed after half of the study has run", "warning", "training.steps | was 6 | 4 subsets | trained again",
      "may be wanted; the networks of both are kept")  # fmt: skip
def _(study: Study) -> None:
    study.has_run()
    study.config["training"] = study.config["training"] | {"steps": 9}


@case("config", "another study has this name", "error", "config: study | another study of this name | another name",
      "it would overwrite that study's results")  # fmt: skip
def _(study: Study) -> None:
    study.has_run(labels="demo")


@case("config", "another project's study has this name", "error", "config: study | shares no frame",
      "it would overwrite that study's results")  # fmt: skip
def _(study: Study) -> None:
    study.has_run()
    frames = "frame,video,image,split\n0,other,img00.png,pool\n"
    (study.folder / "results/mine/frames.csv").write_text(frames)


@case("config", "a study that goes on", "good", "", "the same config again is no change")
def _(study: Study) -> None:
    study.has_run()


# -- the project and its config.yaml ----------------------------------------------------------------------

dlc_config(
    "not UTF-8", "good", "", "an older Windows writes so", DLC_CONFIG.replace("reach", "G\xe4nge").encode("cp1252")
)
dlc_config("nested 3,000 deep", "error", "config.yaml | is not valid YAML", "ends Python with libyaml's loader",
           "a: " + "[" * 3000 + "]" * 3000)  # fmt: skip
dlc_config("a bodypart twice", "error", "the bodypart 'tail' 2 times", "which of them?", DLC_CONFIG + "- tail\n"
           if DLC_CONFIG.endswith("tail\n") else DLC_CONFIG.replace("- tail\n", "- tail\n- tail\n"))  # fmt: skip
dlc_config("a bodypart that no label file has", "error", "'ear' is labelled in no frame", "no network can learn it",
           DLC_CONFIG.replace("- tail\n", "- tail\n- ear\n"))  # fmt: skip
dlc_config("another scorer", "warning", "day1 | labels by Ann, not by the scorer 'Bob'", "there is only one to take",
           DLC_CONFIG.replace("Ann", "Bob"))  # fmt: skip
case(
    "config.yaml",
    "the words of DeepLabCut's template",
    "warning",
    "bodypart1 | placeholder",
    "may be what was labelled",
)(lambda study: study.rename_keypoint("bodypart1"))
case("config.yaml", "it is missing", "error", "config.yaml: is missing", "nothing to read")(
    lambda study: study.dlc_config.unlink()
)
for NAME, SEVERITY, WORDS, WHY in (
    ("left ear 'b' \"c\"; $(touch it-ran) é", "good", "", "no shell and no path sees it"),
    ("ear\nleft", "error", "'ear\\nleft' | control character", "tables and logs would break"),
    ("e" * 300, "warning", "has 300 characters", "figures have no room for it"),
):
    case("config.yaml", f"a bodypart `{NAME[:40]!r}`", SEVERITY, WORDS, WHY)(
        lambda study, name=NAME: study.rename_keypoint(name)
    )


@case("project", "it is empty", "error", "config.yaml: is missing", "nothing to read")
def _(study: Study) -> None:
    study.config["labels"] = "empty"
    (study.folder / "empty").mkdir()


@case("project", "no labeled-data", "error", "labeled-data | no such folder", "nothing is labelled")
def _(study: Study) -> None:
    (study.project / "labeled-data").rename(study.project / "videos")


@case("project", "a name with braces", "error", "brace | rename", "Snakemake would take it for a wildcard")
def _(study: Study) -> None:
    study.config["labels"] = "mouse{1}"
    study.project.rename(study.folder / "mouse{1}")


@case("project", "a folder that is a link to itself", "error", "round | cannot be a folder", "no path")
def _(study: Study) -> None:
    study.config["labels"] = "round"
    (study.folder / "round").symlink_to("round")


@case("project", "images that are links out of it", "warning", "day1 | 2 images are links | outside the project",
      "labs do so; a stranger's project may show files of yours")  # fmt: skip
def _(study: Study) -> None:
    (study.folder / "elsewhere").mkdir()
    for index in range(2):
        study.image(index).rename(study.folder / "elsewhere" / f"{index}.png")
        study.image(index).symlink_to(study.folder / "elsewhere" / f"{index}.png")


# -- label files ------------------------------------------------------------------------------------------


@case(
    "project", "labellers.csv without its columns", "error", "labellers.csv | video, image, labeller", "whose labels?"
)
def _(study: Study) -> None:
    (study.project / "labellers.csv").write_text("day1,Ann\n")


@case("project", "labellers.csv as spreadsheets save it", "good", "", "`;` stands where there are decimal commas")
def _(study: Study) -> None:
    (study.project / "labellers.csv").write_text("video;image;labeller\nday1;img00.png;Ann\n", encoding="utf-8-sig")


@case(
    "project",
    "labellers.csv that names files of videos",
    "warning",
    "labellers.csv | 2 of 3 rows name no labelled frame | day1.mp4/img00.png",
    "frames are named by the folders of their images",
)
def _(study: Study) -> None:
    rows = ("day1.mp4,img00.png,Ann", "day1.mp4,img01.png,Ann", "day2,img01.png,Ann")
    (study.project / "labellers.csv").write_text("\n".join(("video,image,labeller", *rows)))


@case(
    "project",
    "labellers.csv that names a frame twice",
    "error",
    "labellers.csv | day1/img00.png more than once",
    "whose?",
)
def _(study: Study) -> None:
    (study.project / "labellers.csv").write_text("video,image,labeller\n" + "day1,img00.png,Ann\n" * 2)


@case("labels", "no label file at all", "error", "labeled-data | holds no labels", "nothing is labelled")
def _(study: Study) -> None:
    study.labels("day1").unlink()
    study.labels("day2").unlink()


@case("labels", "a video without a label file", "warning", "1 folder has images but no label file (day2)",
      "it is left out")  # fmt: skip
def _(study: Study) -> None:
    study.labels("day2").unlink()


@case("labels", "HDF5 truncated", "error", "day2/CollectedData_Ann.h5 | cannot be read", "half of a table is no table")
def _(study: Study) -> None:
    data = study.labels("day2").read_bytes()
    study.labels("day2").write_bytes(data[: len(data) // 2])


@case(
    "labels", "text named .h5", "error", "day2/CollectedData_Ann.h5 | cannot be read | .csv", "the CSV is the way out"
)
def _(study: Study) -> None:
    study.labels("day2").write_text("scorer,Ann\n")


@case("labels", "HDF5 whose column names are a program", "error", "cannot be read safely | may run a program",
      "pandas would run it")  # fmt: skip
def _(study: Study) -> None:
    _column_names(study, pickle.dumps(Bomb(), 0))


@case("labels", "HDF5 of pickled objects", "error", "cannot be read safely | pickled objects | .csv",
      "pandas would run them")  # fmt: skip
def _(study: Study) -> None:
    _with_values(study, lambda group, _: group.create_dataset("block0_values", (1,), h5py.vlen_dtype(np.uint8)))


def _column_names(study: Study, pickled: bytes) -> None:
    study.lay_out_as_table()
    with h5py.File(study.labels("day2"), "r+") as file:
        file["df_with_missing"]["table"].attrs["values_block_0_kind"] = np.void(pickled)


def _with_values(study: Study, create: Callable[[h5py.Group, tuple[int, int]], Any]) -> None:
    """Labels whose values are what `create` makes in their place."""
    with h5py.File(study.labels("day2"), "r+") as file:
        group = file["df_with_missing"]
        shape = group["block0_values"].shape
        del group["block0_values"]
        create(group, shape)


@case("labels", "HDF5 that links to another file by way of itself", "error",
      "cannot be read safely | a link to another file", "the link that is read leads to one that is not")  # fmt: skip
def _(study: Study) -> None:
    copy = study.folder / "other.h5"
    copy.write_bytes(study.labels("day2").read_bytes())

    def create(group: h5py.Group, _: tuple[int, int]) -> None:
        group["aside"] = h5py.ExternalLink(copy, "df_with_missing")
        group["block0_values"] = h5py.SoftLink("/df_with_missing/aside/block0_values")

    _with_values(study, create)


@case("labels", "HDF5 whose column names fill the memory", "error", "cannot be read safely | fills the memory | .csv",
      "ten bytes of a pickle can take gigabytes")  # fmt: skip
def _(study: Study) -> None:
    _column_names(study, b"\x80\x02]r\xff\xff\xff\x0f.")


@case("labels", "HDF5 of 8 TB that compress to nothing", "error", "cannot be read safely | more than 256 MiB",
      "fills the memory")  # fmt: skip
def _(study: Study) -> None:
    _with_values(study, lambda group, shape: group.create_dataset("block0_values", (10**6, 10**6), "f8", chunks=True))


@case("labels", "two tables of labels in one HDF5", "error", "2 pandas tables", "which of them?")
def _(study: Study) -> None:
    table = pd.read_hdf(study.labels("day2"))
    table.to_hdf(study.labels("day2"), key="one", mode="w")
    table.to_hdf(study.labels("day2"), key="two", mode="a")


@case("labels", "labels of two other scorers in all folders", "error", "day1 | labels by Bob, Cai | 'Ann'",
      "which of them?")  # fmt: skip
def _(study: Study) -> None:
    for path in (study.labels(), study.labels("day2")):
        for scorer in ("Bob", "Cai"):
            path.with_name(f"CollectedData_{scorer}{path.suffix}").write_bytes(path.read_bytes())
        path.unlink()


@case("labels", "labels of another scorer in one folder", "warning",
      "1 folder has labels by others than the scorer 'Ann' of config.yaml (day1: Bob)",
      "DeepLabCut leaves it out")  # fmt: skip
def _(study: Study) -> None:
    study.labels().rename(study.labels().with_name("CollectedData_Bob.csv"))


@case("labels", "CSV in Windows' code page", "warning", "is not UTF-8 | cp1252", "its names may be others")
def _(study: Study) -> None:
    study.labels().write_bytes(study.labels().read_bytes().replace(b"scorer,,,", b"scorer,\xa0,,"))


@case("labels", "CSV that is no label table", "error", "CollectedData_Ann.csv | does not open with", "wrong columns")
def _(study: Study) -> None:
    study.labels().write_text("frame,x,y\n0,1,2\n")


@case("labels", "CSV with a row cut short", "error", "row 15 has 6 fields, not 7", "a torn file")
def _(study: Study) -> None:
    study.labels().write_text(study.labels().read_text().rstrip("\n").rpartition(",")[0] + "\n")


@case("labels", "CSV with two styles of rows", "error", "img00.png// | names no image", "which image is it?")
def _(study: Study) -> None:
    text = study.labels().read_text()
    study.labels().write_text(text.replace("labeled-data,day1,img00.png", "labeled-data/day1/img00.png,,"))


def two_mice(study: Study, second: float) -> None:
    """A multi-animal project whose second animal lies beside the first; nowhere, if `second` is NaN."""
    names = {"multianimalproject": True, "bodyparts": "MULTI!", "multianimalbodyparts": ["snout", "tail"]}
    study.dlc_config.write_text(yaml.safe_dump(yaml.safe_load(DLC_CONFIG) | names | {"individuals": ["one", "two"]}))
    for video in ("day1", "day2"):
        study.relabel(lambda table: of_individuals({"one": table, "two": table + second}), video)


@case("labels", "a project of several animals, of which one is labelled", "good", "", "it is weighed")
def _(study: Study) -> None:
    two_mice(study, np.nan)


@case("labels", "a project of two animals", "error", "multi-animal | one, two", "they cannot be weighed yet")
def _(study: Study) -> None:
    two_mice(study, 2.0)


@case("labels", "an image without a row", "warning", "1 image has no row | img11.png", "it is not used")
def _(study: Study) -> None:
    study.relabel(lambda table: table.iloc[:-1])


@case("labels", "a row without an image", "error", "img00.png | does not exist | put the image back", "nothing to see")
def _(study: Study) -> None:
    study.image().unlink()


def _word(table: pd.DataFrame) -> pd.DataFrame:
    table = table.astype(object)
    table.iloc[0, 0] = "left"
    return table


def _set(value: float, columns: slice | int = 0, rows: slice | int = 0) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        table.iloc[rows, columns] = value

    return change


labels("a row twice", "error", "more than one row for img00.png", "which of them?",
       lambda table: pd.concat([table, table.iloc[:1]]))  # fmt: skip
labels("a bodypart that config.yaml does not know", "warning", "labels 'nose' | does not list", "DeepLabCut leaves it out",
       lambda table: table.rename(columns={"snout": "nose"}, level=1))  # fmt: skip
labels("a column twice", "error", "has 2 columns 'snout' x", "which of them?",
       lambda table: pd.concat([table, table.iloc[:, :1]], axis=1))  # fmt: skip
labels("columns by another scorer", "warning", "columns are by the scorer 'Bob'", "may be a copied file",
       lambda table: table.rename(columns={"Ann": "Bob"}, level=0))  # fmt: skip
labels("rows of another video", "error", "belongs to the video 'day9'", "a copied file, or a renamed folder",
       lambda table: table.rename(index={"day1": "day9"}, level=1))  # fmt: skip
labels("a word for a number", "error", "x of 'snout' in img00.png is 'left'", "nothing to learn",
       lambda table: _word(table))  # fmt: skip
labels("a frame without a label", "warning", "1 frame of day1 has no label (img00.png)", "DeepLabCut leaves it out",
       _set(np.nan, slice(None)))  # fmt: skip
labels("half a position", "warning", "1 label has only one of x and y ('snout' in img00.png)",
       "it counts as not labelled", _set(np.nan))  # fmt: skip
labels("an infinite coordinate", "warning", "1 of 24 labels lies outside | 'snout' in img00.png", "there is nothing to see",
       _set(np.inf))  # fmt: skip
labels("labels at (0, 0)", "warning", "3 labels lie at (0, 0) | not labelled", "DeepLabCut's mark for not visible",
       _set(0.0, slice(0, 2), slice(0, 3)))  # fmt: skip
labels("most labels outside the image", "error", "24 of 24 labels lie outside | another size's", "its numbers are wrong",
       _set(500.0, slice(None), slice(None)))  # fmt: skip
labels("no bodypart of config.yaml", "error", "has no x and y of any bodypart", "nothing to learn",
       lambda table: table.rename(columns={"snout": "nose", "tail": "tip"}, level=1))  # fmt: skip
labels("a coordinate beyond the image", "warning", "img00.png | outside the image | (64.5, ", "there is nothing to see",
       _set(64.5))  # fmt: skip
labels("a coordinate on the image's edge", "warning", "2 of 24 labels | on its edge", "DeepLabCut takes it for not visible",
       lambda table: _set(-0.5, 0)(table) or _set(64.0, 2)(table))  # fmt: skip


@case("labels", "a bodypart without any label", "error", "'tail' is labelled in no frame", "no network can learn it")
def _(study: Study) -> None:
    for video in ("day1", "day2"):
        study.relabel(_set(np.nan, slice(2, 4), slice(None)), video)


@case("labels", "a bodypart with few labels", "warning", "'tail' is labelled in 5 of 24 frames",
      "its errors are uncertain")  # fmt: skip
def _(study: Study) -> None:
    study.relabel(_set(np.nan, slice(2, 4), slice(None)), "day2")
    study.relabel(_set(np.nan, slice(2, 4), slice(0, 7)))


for NAME, SEVERITY, WORDS, WHY in (
    ("v" * 200, "good", "", "file systems take 255 bytes"),
    ("mouse{1}", "error", "mouse{1} | brace", "Snakemake would take it for a wildcard"),
):
    case("names", f"a video `{NAME[:30]!r}`", SEVERITY, WORDS, WHY)(lambda study, name=NAME: study.rename_video(name))
for NAME, SEVERITY, WORDS, WHY in (
    ("i" * 240 + ".png", "good", "", "file systems take 255 bytes"),
    ("{image}.png", "error", "{image}.png | brace", "Snakemake would take it for a wildcard"),
):
    case("names", f"an image `{NAME[:30]!r}`", SEVERITY, WORDS, WHY)(lambda study, name=NAME: study.rename_image(name))

for WHERE in ("video", "image"):
    case("names", f"{WHERE} named by an escape sequence", "error", r"\x1b]0;owned\x07 | control character",
         "a terminal obeys it")(
        lambda study, where=WHERE: getattr(study, f"rename_{where}")("\x1b]0;owned\x07" + ".png" * (where == "image"))
    )  # fmt: skip


@case("study", "a library in the working directory", "error", "libcuda.so.1 | PyTorch would run it",
      "NVIDIA's cuSPARSELt looks for the driver there first")  # fmt: skip
def _(study: Study) -> None:
    study.folder.joinpath("libcuda.so.1").touch()


# -- videos -----------------------------------------------------------------------------------------------

LISTS = {
    "an ffconcat list": "ffconcat version 1.0\nfile other.avi\n",
    "an HLS playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.avi\n#EXT-X-ENDLIST\n",
    "a DASH manifest": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n',
    "a session description": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
}


def _video(study: Study, content: str | bytes) -> None:
    study.folder.joinpath("walk.mp4").write_bytes(content.encode() if isinstance(content, str) else content)
    study.config["videos"] = ["walk.mp4"]


for NAME, CONTENT in LISTS.items():
    case("videos", NAME, "error", "walk.mp4 | is a playlist or another list of files",
         "FFmpeg would read the files, or ask the network, that it names")(
        lambda study, content=CONTENT: _video(study, content)
    )  # fmt: skip
case("videos", "text", "error", "walk.mp4 | cannot be opened as a video", "FFmpeg makes a film of letters of it")(
    lambda study: _video(study, "my words\n" * 50)
)

# -- images -----------------------------------------------------------------------------------------------


@case(
    "images", "a truncated PNG", "error", "img00.png | not a readable image", "found by `check` and the stage `frames`"
)
def _(study: Study) -> None:
    data = study.image().read_bytes()
    study.image().write_bytes(data[: len(data) // 2])


@case("images", "two twins in two videos, by frame", "warning", "day1/img00.png | same picture as day2/img03.png | one side",
      "they would leak between pool and held-out frames")  # fmt: skip
def _(study: Study) -> None:
    study.picture().convert("L").save(study.image(3, "day2"), compress_level=0)


@case("images", "all videos share a picture, held out by video", "error", "held_out.by | all share pictures",
      "no video can be held out without a leak")  # fmt: skip
def _(study: Study) -> None:
    study.image(3, "day2").write_bytes(study.image().read_bytes())
    study.config["held_out"] = {"by": "video"}


def _orientation(study: Study, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    study.picture().save(study.image(), "JPEG", quality=95, exif=exif)


def _huge(study: Study) -> None:
    Image.new("1", (20_000, 20_000)).save(study.image())


picture("text named .png", "error", "img00.png | not a readable image", "no image",
        lambda study: study.image().write_text("no image"))  # fmt: skip
picture("PostScript named .png", "error", "img00.png | not a readable image", "reading it would start a program",
        lambda study: study.picture().save(study.image(), "EPS"))  # fmt: skip
picture("a JPEG named .png", "good", "", "readers go by the content",
        lambda study: study.picture().save(study.image(), "JPEG"))  # fmt: skip
picture("CMYK", "warning", "img00.png | CMYK", "decoded within one grey level of DeepLabCut's reader",
        lambda study: study.picture().convert("CMYK").save(study.image(), "JPEG"))  # fmt: skip
picture("16 bits of grey", "error", "img00.png | I;16 | 8 bits", "all above 255 would be white",
        lambda study: Image.fromarray(np.full((48, 64), 9000, np.uint16)).save(study.image()))  # fmt: skip
picture("grey, or with alpha", "good", "", "both readers make the same RGB of it",
        lambda study: study.picture().convert("RGBA").save(study.image()))  # fmt: skip
picture("turned by EXIF", "error", "img00.png | EXIF orientation 6 | upright",
        "DeepLabCut trains on the turned picture, but takes its size from the other", lambda study: _orientation(study, 6))  # fmt: skip
picture("upright by EXIF", "good", "", "nothing is turned", lambda study: _orientation(study, 1))
picture("too small for a network", "error", "img00.png | has 64×8 px", "nothing is left of it after pooling",
        lambda study: (Image.new("L", (64, 8)).save(study.image()), study.relabel(_set(3.0, slice(None)))))  # fmt: skip
picture("20,000×20,000 px", "error", "img00.png | more than 100 million px", "fills the memory", _huge)
picture("another size, without crop", "warning", "training.crop | padded | 64×48, 130×48", "the smaller is padded",
        lambda study: Image.new("L", (130, 48)).save(study.image()))  # fmt: skip


picture("another size, a little larger, without crop", "good", "", "hardly anything is padded",
        lambda study: Image.new("L", (80, 48)).save(study.image()))  # fmt: skip


@case("images", "another size, with crop", "good", "", "squares of one size are cut out")
def _(study: Study) -> None:
    Image.new("L", (80, 48)).save(study.image())
    study.config["training"]["crop"] = 48


@case("images", "another size, with DeepLabCut's own transforms", "error", "training.crop | one size | 64×48, 80×48",
      "there they share no batch")  # fmt: skip
def _(study: Study) -> None:
    Image.new("L", (80, 48)).save(study.image())
    study.config["training"]["engine"] = "stock"
