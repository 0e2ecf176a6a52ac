"""Files are complete or absent, and damage is found."""

import ast
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import REPOSITORY
from frameworth.errors import UserError
from frameworth.storage.files import atomic_path, replaced_folder, write_text
from frameworth.storage.hdf5 import Array, read_attributes, read_hdf5, write_hdf5


def write_example(path):
    write_hdf5(
        path,
        {
            "group/value": Array(np.arange(6.0).reshape(2, 3), ("frame", "keypoint"), "px"),
            "name": Array(np.array(["a", "ü"]), ("frame",)),
        },
        {"frame": np.arange(2), "keypoint": np.array(["x", "y", "z"])},
        {"note": "something"},
    )


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole_or_not_at_all_and_without_litter(tmp_path):
    folder = tmp_path / "a"
    with replaced_folder(folder) as new:
        write_text(new / "first", "old")
    with pytest.raises(RuntimeError), replaced_folder(folder) as new:
        write_text(new / "second", "new")
        raise RuntimeError
    assert [path.name for path in folder.iterdir()] == ["first"]
    with replaced_folder(folder) as new:
        write_text(new / "second", "new")
    assert [path.name for path in folder.iterdir()] == ["second"]
    with pytest.raises(RuntimeError), replaced_folder(tmp_path / "b"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [folder]


def test_what_is_written_is_read_with_its_dimensions_units_and_provenance(tmp_path):
    write_example(tmp_path / "a.h5")
    arrays = read_hdf5(tmp_path / "a.h5")
    assert arrays["group/value"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert arrays["name"].tolist() == ["a", "ü"]
    attributes = read_attributes(tmp_path / "a.h5")
    assert attributes["note"] == "something"
    assert attributes["numpy"] == np.__version__
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["group/value"]
        assert dataset.attrs["unit"] == "px"
        assert [dim.label for dim in dataset.dims] == ["frame", "keypoint"]
        assert dataset.dims[1][0][()].astype(str).tolist() == ["x", "y", "z"]


def test_a_truncated_file_is_refused_by_name(tmp_path):
    path = tmp_path / "a.h5"
    write_example(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"a\.h5"):
        read_hdf5(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_hdf5(tmp_path / "none.h5")


def test_write_hdf5_takes_arrays_one_by_one(tmp_path):
    """As generated, so that matrices of a large study need not be in memory together; same digest as a mapping."""
    arrays = {name: Array(np.full((3, 2), value), ("a", "b")) for name, value in (("x", 1.0), ("y/z", 2.0))}
    alive = []

    def generated():
        for name, array in arrays.items():
            alive.append(name)
            yield name, array

    for path, given in ((tmp_path / "1.h5", arrays), (tmp_path / "2.h5", generated())):
        write_hdf5(path, given, {"a": np.arange(3)})
    with h5py.File(tmp_path / "1.h5") as first, h5py.File(tmp_path / "2.h5") as second:
        assert first.attrs["digest"] == second.attrs["digest"]
    assert alive == ["x", "y/z"]


def test_a_file_is_on_the_disk_before_its_name_is_and_then_the_folder_is(tmp_path, monkeypatch):
    """Else a power cut leaves an empty file of the right name, or takes the name back."""
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(str(Path(f"/proc/self/fd/{handle}").readlink())), sync(handle))
    )
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append(f"rename to {to}"), replace(self, to))[1])
    write_text(tmp_path / "a.txt", "new")
    file, rename, folder = done
    assert file.endswith(".part")
    assert rename == f"rename to {tmp_path / 'a.txt'}"
    assert folder == str(tmp_path)


# What may write otherwise, and why.
WRITES_BY_ITSELF = {
    "storage/renaming.py": "it is what all others write through",
    "storage/files.py": "into the temporary files and folders that it renames",
    "training/store.py": "opens the empty lock file",
    "training/gpus.py": "opens empty lock files, in the folder for temporary files",
    "cli/running.py": "appends to the log of a run",
    "storage/hdf5.py": "through a stream into the temporary file of files.py",
    "report/learning_picture.py": "into memory, as a part of the page",
    "storage/pytables.py": "into memory, which it hands to files.py",
    "engine/deeplabcut/stock.py": "writes images for DeepLabCut into a temporary folder",
}
# Methods that write a file whatever they belong to, and functions of modules.
WRITERS = {
    "write_text", "write_bytes", "savefig", "to_csv", "to_hdf", "to_json", "to_parquet", "to_netcdf", "to_pickle",
    "imwrite", "HDFStore", "hardlink_to", "symlink_to", "np.save", "np.savez", "np.savez_compressed", "np.savetxt",
    "torch.save", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move", "os.rename",
    "os.replace", "os.link",
}  # fmt: skip


def writes(source: str) -> list[str]:
    """Calls in a module's source that write files, other than into what `atomic_path` yields (called temporary)."""
    calls = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = [ast.unparse(part) for part in (*node.args, *(keyword.value for keyword in node.keywords))]
        opens = called.rpartition(".")[2] in ("open", "File")
        opened = opens and any(re.fullmatch(r"'[rbt]*[wax+][rwaxbt+]*'", part) for part in given)
        method = "." in called and {called, called.rpartition(".")[2]} & WRITERS
        if (opened or method) and given[:1] != ["temporary"]:
            calls.append(ast.unparse(node))
    return calls


@pytest.mark.slow
def test_nothing_writes_files_but_through_the_module_that_does_it_atomically():
    library = REPOSITORY / "workflow" / "frameworth"
    assert writes("table.to_csv(path)\nopen(path, 'w')\nshutil.copyfile(a, b)\nh5py.File(p, 'w')\np.open('ab')\n")
    assert not writes("with atomic_path(p) as temporary:\n    table.to_csv(temporary)\n    open(p, 'rb')\n")
    guilty = {}
    for path in sorted(library.rglob("*.py")):
        name = str(path.relative_to(library))
        if name not in WRITES_BY_ITSELF:
            guilty |= {name: calls} if (calls := writes(path.read_text())) else {}
    assert not guilty
