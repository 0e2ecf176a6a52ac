"""Whatever a stranger's file is: labels of other tools, label tables and images are read or refused in one line each.

Some hundred examples here; `make fuzz` tries 10,000 of each kind.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import shutil
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bad_inputs.study import Study
from conftest import Tally
from frameworth.cli.checking import check_study
from frameworth.errors import RefusedError, UserError
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.images import inspect_header, inspect_image, read_image
from frameworth.labels.imported import write_imported
from frameworth.labels.sources import inspect_labels
from fuzzing import VALUES, bounded, changed_value, copied, damaged, fuzzed, inside
from label_files import FORMATS
from tiny import draw

# -- labels of other tools --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Small good files of every format that is read: the folder, and the labels in it."""
    drawn = read_project(draw(tmp_path_factory.mktemp("drawn") / "project", frames=6))
    by_format = {}
    for name, (write, _) in FORMATS.items():
        folder = tmp_path_factory.mktemp("source")
        by_format[name] = (folder, write(drawn, folder).relative_to(folder))
    return by_format


@given(data=st.data())
@fuzzed
def test_any_damage_to_labels_of_other_tools_is_imported_or_refused(
    sources: dict[str, tuple[Path, Path]], tally: Tally, data: st.DataObject
) -> None:
    folder, labels = sources[data.draw(st.sampled_from(sorted(sources)), "format")]
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "source"
        shutil.copytree(folder, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        label_files = [path for path in files if path.suffix in (".slp", ".nwb", ".json", ".csv", ".txt", ".yaml")]
        path = data.draw(st.sampled_from(label_files * 4 + files), "file")
        damage = data.draw(st.sampled_from(["bytes", "values", "values"]), "how")
        if damage == "bytes" or not change_values(data, path):
            path.write_bytes(damaged(data, path.read_bytes()))
        import_or_refuse(copy / labels, Path(name) / "imported", tally)


def change_values(data: st.DataObject, path: Path) -> bool:
    """Change what a file of JSON, YAML or HDF5 says, and leave its form; False for files of another kind."""
    if path.suffix == ".json":
        path.write_text(json.dumps(plain(changed_value(data, json.loads(path.read_text())))))
    elif path.suffix == ".yaml":
        path.write_text(yaml.safe_dump(plain(changed_value(data, yaml.safe_load(path.read_text())))))
    elif path.suffix in (".slp", ".nwb"):
        with h5py.File(path, "r+") as file:
            for _ in range(data.draw(st.integers(1, 2))):
                change_hdf5(data, file)
    else:
        return False
    return True


def plain(value: Any) -> Any:
    """What is to be left out, as nothing."""
    return None if value is ... else value


def import_or_refuse(labels: Path, folder: Path, tally: Tally) -> None:
    """What is found sound is imported, and what is imported is a project."""
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inspection = inspect_labels(labels)
        assert all(str(problem).isprintable() for problem in inspection.problems)
        wrong = any(problem.severity == "error" for problem in inspection.problems)
        try:
            if not wrong:
                write_imported(labels, folder)
                project = read_project(folder)
                assert project.xy.shape == (len(project.paths), len(project.keypoints), 2)
        except UserError as refused:
            assert all(map(str.isprintable, refused.lines()))
            wrong = True
    tally.count(refused=wrong)


# -- label tables -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["fixed", "table"])
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("fuzz"))
    if request.param == "table":
        study.lay_out_as_table()
    return study


@given(data=st.data())
@fuzzed
def test_any_structure_of_a_label_table_is_read_or_refused(good: Study, tally: Tally, data: st.DataObject) -> None:
    with copied(good) as study:
        with h5py.File(study.labels("day2"), "r+") as file:
            for _ in range(data.draw(st.integers(1, 3))):
                change_hdf5(data, file)
        with inside(study.folder), bounded():
            checked = check_study(study.config, "headers", runs_here=True)
            assert all(line.isprintable() for line in checked.lines())
            tally.count(refused=bool(checked.count("error")))
            try:
                read_project(study.project)
            except UserError as refused:
                assert checked.count("error"), refused


TYPES = ["f8", "f4", "i8", "u1", "i1", "?", "S4", "c16", "V3", h5py.string_dtype(), h5py.vlen_dtype("i4"),
         h5py.ref_dtype, np.dtype([("index", "S8"), ("values_block_0", "f8", (2,))])]  # fmt: skip


def change_hdf5(data: st.DataObject, file: h5py.File) -> None:
    """Take something out of an HDF5 file, or put something else in its place."""
    names: list[str] = []
    file.visit(names.append)
    if not names:
        return
    name = data.draw(st.sampled_from(names), "object")
    item = file.get(name)
    attributes = sorted(item.attrs) if item is not None else []
    kinds = ["gone", "dataset", "group", "link"] + ["attribute"] * 4 * bool(attributes)
    few = isinstance(item, h5py.Dataset) and 0 < (item.size or 0) <= 10**6  # not what was made huge by a change before
    kinds += ["numbers"] * 4 * (few and item.dtype.kind in "iufV")
    kind = data.draw(st.sampled_from(kinds), "kind")
    with contextlib.suppress(OSError, TypeError, ValueError, RuntimeError, OverflowError, UnicodeEncodeError):
        if kind == "attribute":
            change_attribute(data, item.attrs, data.draw(st.sampled_from(attributes), "attribute"))
        elif kind == "numbers":
            change_numbers(data, item)
        else:
            kept = {key: item.attrs[key] for key in attributes}
            del file[name]
            if kind == "dataset":
                shape = tuple(data.draw(st.lists(st.sampled_from([0, 1, 2, 12, 24, 10**7]), max_size=3)))
                huge = np.prod(shape, dtype=float) > 10**6
                type_ = data.draw(st.sampled_from(TYPES), "type")
                made = file.create_dataset(name, shape, type_, chunks=True if huge else None)
                made.attrs.update(kept)
            elif kind == "group":
                file.create_group(name).attrs.update(kept)
            elif kind == "link":
                target = data.draw(st.sampled_from([*names, "nowhere", "/"]), "target")
                elsewhere = h5py.ExternalLink("other.h5", target)
                file[name] = data.draw(st.sampled_from([h5py.SoftLink(f"/{target}"), elsewhere]), "link")


def change_attribute(data: st.DataObject, attributes: h5py.AttributeManager, name: str) -> None:
    """Another value, or its pickle or JSON changed."""
    value = attributes[name]
    text = value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, bytes | np.void) else b""
    ways: list[Callable[[], Any]] = [
        lambda: data.draw(st.integers(-(2**40), 2**40) | st.text(max_size=9) | st.binary(min_size=1, max_size=9)),
        lambda: np.array(data.draw(st.lists(st.integers(-9, 99), max_size=3))),
        lambda: np.void(pickle.dumps(data.draw(VALUES), data.draw(st.integers(0, 4)))),
    ]
    if text:
        ways += [lambda: np.void(damaged(data, text) or b"\0")] * 3
    if text[:1] in (b"{", b"["):
        with contextlib.suppress(ValueError):
            inner = json.loads(text)
            ways = [lambda: json.dumps(plain(changed_value(data, inner)))] * 9 + ways
    attributes[name] = data.draw(st.sampled_from(ways), "way")()


def change_numbers(data: st.DataObject, dataset: h5py.Dataset) -> None:
    values = dataset[()]
    raw = bytearray(np.ascontiguousarray(values).tobytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        raw[at] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
    dataset[...] = np.frombuffer(bytes(raw), values.dtype).reshape(values.shape)


# -- images -----------------------------------------------------------------------------------------------

MODES = {"PNG": ["L", "RGB", "RGBA", "P", "1", "I;16"], "JPEG": ["L", "RGB", "CMYK"], "TIFF": ["L", "RGB", "1", "CMYK"],
         "BMP": ["L", "RGB"], "GIF": ["L", "P"], "WEBP": ["RGB"]}  # fmt: skip
SIZES = st.sampled_from([0, 1, 2, 64, 65, 9_999, 10_001, 65_535, 2**31 - 1, 2**32 - 1])


def pictures() -> Iterator[tuple[str, bytes]]:
    """Small good images of all formats that are read."""
    grey = Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 64), dtype=np.uint8))
    for kind, modes in MODES.items():
        for mode in modes:
            file = io.BytesIO()
            grey.convert(mode).save(file, kind)
            yield kind, file.getvalue()


PICTURES = list(pictures())


@given(data=st.data())
@fuzzed
def test_any_bytes_named_as_an_image_are_one_or_refused(tally: Tally, data: st.DataObject) -> None:
    kind, content = data.draw(st.sampled_from(PICTURES), "picture")
    damage = data.draw(st.sampled_from(["damaged", "damaged", "size", "random"]), "how")
    if damage == "random":
        content = content[: data.draw(st.sampled_from([0, 4, 8, 16, 33]))] + data.draw(st.binary(max_size=200))
    elif damage == "size":
        content = of_size(kind, content, data.draw(SIZES), data.draw(SIZES))
    else:
        content = damaged(data, content)
    with tempfile.TemporaryDirectory() as folder, bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "img00.png"
        path.write_bytes(content)
        size, header_problems = inspect_header(path)
        image, problems = inspect_image(path)
        for problem in (*header_problems, *problems):
            assert str(problem).isprintable()
        if image is None:
            assert any(problem.severity == "error" for problem in problems)
            with pytest.raises(RefusedError):
                read_image(path)
        else:
            assert size == image.rgb.shape[1::-1]
            assert image.rgb.dtype == np.uint8
            assert image.rgb.shape[2] == 3
    tally.count(refused=image is None)


def of_size(kind: str, content: bytes, width: int, height: int) -> bytes:
    """The image with another size in its header, checksum and all."""
    changed = bytearray(content)
    if kind == "PNG":
        changed[16:24] = struct.pack(">II", width, height)
        changed[29:33] = struct.pack(">I", zlib.crc32(changed[12:29]))
    elif kind == "BMP":
        changed[18:26] = struct.pack("<II", width, height)
    elif kind == "GIF":
        changed[6:10] = struct.pack("<HH", width % 65_536, height % 65_536)
    elif kind == "JPEG":
        at = next(at for at in range(len(changed)) if changed[at : at + 2] in (b"\xff\xc0", b"\xff\xc2"))
        changed[at + 5 : at + 9] = struct.pack(">HH", height % 65_536, width % 65_536)
    elif kind == "TIFF":
        directory = int.from_bytes(changed[4:8], "little")
        for entry in range(directory + 2, directory + 2 + 12 * changed[directory], 12):
            tag = int.from_bytes(changed[entry : entry + 2], "little")
            if tag in (256, 257):
                changed[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, width if tag == 256 else height)
    return bytes(changed)
