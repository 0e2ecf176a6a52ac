"""A disk that is full while a stage writes: a real file system in memory, filled completely."""

import os
import re
import subprocess
import time
from contextlib import contextmanager

import pandas as pd
import pytest

from frameworth.errors import UserError
from frameworth.storage.digests import FOLDER, digest_of_file, is_recorded, keep_digests
from frameworth.storage.files import write_text
from frameworth.storage.full_disk import full_disk_line
from frameworth.storage.pytables import write_pytables
from stages_in_forks import commands_of, run_stage
from tiny import config, draw, write_config

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, which takes root")


@contextmanager
def small_disk(folder, mib):
    """A file system of so many MiB at `folder`."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets root mount nothing")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, room):
    """Leave `room` bytes on the disk of `folder`."""
    full = folder / "fill"
    full.unlink(missing_ok=True)
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    full.write_bytes(bytes(max(0, free - room)))


def files(folder):
    """The digests of all that lies below `folder`, but for how far trainings are: each try goes on."""
    changing = {"fill", "lock", "progress.json"}
    return {path: digest_of_file(path) for path in folder.rglob("*") if path.is_file() and not changing & {*path.parts}}


def run_on_a_full_disk(tmp_path, rooms, changes, take=lambda arguments: arguments):
    """The stages of a study, each as `take` has it, on a disk with so many bytes left before it may have all.

    Returns what was counted.
    """
    draw(tmp_path / "project")
    study = config("project", subsets=[{"design": "balanced", "percents": [50], "seeds": 2, "members": 2}], **changes)
    path = write_config(tmp_path / "study.yaml", study)
    counts = {"stages": 0, "faults": 0, "networks": 0, "trainings": 0, "lost": 0, "longest": 0.0}
    with small_disk(tmp_path / "results", 64) as disk:
        keep_digests(disk / study["study"])
        for arguments in filter(None, map(take, commands_of(tmp_path, path))):
            counts["stages"] += 1
            for room in rooms:
                before, kept = files(disk), store_of(disk)
                fill(disk, room)
                ended = run_stage(tmp_path, arguments)
                (disk / "fill").unlink()
                counts["trainings"] += ended.output.count("trained 6 steps")
                if ended.code == 0:
                    break
                counts["faults"] += 1
                assert ended.code == 2, (arguments[:2], room, ended)
                assert "Traceback" not in ended.output
                line = re.fullmatch(r"frameworth: (\S+): cannot be written, there is no space left on its disk .*",
                                    ended.output.splitlines()[-1])  # fmt: skip
                assert line, (arguments[:2], room, ended.output)
                assert tmp_path / line[1] not in files(disk).keys() - before.keys()
                assert before.items() <= files(disk).items(), arguments[:2]
                assert not list(disk.rglob("*.part"))
                assert all(is_recorded(new) for new in files(disk).keys() - before.keys() if FOLDER not in new.parts)
                assert kept.items() <= store_of(disk).items()
            began = time.monotonic()
            kept = store_of(disk)
            ended = run_stage(tmp_path, arguments)
            counts["longest"] = max(counts["longest"], time.monotonic() - began)
            assert ended.code == 0, (arguments[:2], ended.output)
            counts["trainings"] += ended.output.count("trained 6 steps")
            counts["lost"] += len(kept.items() - store_of(disk).items())
        counts["networks"] = len(store_of(disk))
    return counts


def store_of(disk):
    """The finished networks and when each was written."""
    records = disk.glob("*/.store/*/training.json")
    return {path: (path.parent / "network.pt").stat().st_mtime_ns for path in records}


def tell(counts, tally):
    tally.update({"stages": counts["stages"], "failed writes reported in one line": counts["faults"]})
    tally.update({"networks": counts["networks"], "finished networks lost": counts["lost"]})
    tally.update({"seconds at most to recover": round(counts["longest"], 1)})


def test_a_stage_on_a_full_disk_names_the_file_leaves_no_half_of_it_and_goes_on_when_there_is_room(tmp_path, tally):
    changes = {"influence": {"warm": {"networks": 1, "steps": 1}}}

    quick = (
        "frames",
        "draw-subsets",
        "subsets",
        "ensemble",
        "scores",
        "members",
        "method-network",
        "influence",
    )

    def take(arguments):
        if (
            arguments[0] == "figure" and "inclusion_matrix" in arguments
        ):  # of figures one, which needs no more than these
            return ["figure", "inclusion_matrix", *arguments[arguments.index("--study") :]]
        return arguments if arguments[0] in quick else None

    counts = run_on_a_full_disk(tmp_path, [0], changes, take)
    tell(counts, tally)
    assert counts["faults"] == counts["stages"]
    assert counts["networks"] == 4
    assert counts["lost"] == 0


@pytest.mark.long
def test_the_same_at_each_file_that_a_stage_writes(tmp_path, tally):
    """With more and more room, so that a stage fails at each of its files, and a toggle and the report besides."""
    rooms = [0, *(int(4096 * 1.6**power) for power in range(20))]
    changes = {"influence": {"warm": {"networks": 1, "steps": 1}}, "toggle": {"pairs": 2, "frames": [0]}}
    counts = run_on_a_full_disk(tmp_path, rooms, changes)
    tell(counts, tally)
    assert counts["faults"] > 2 * counts["stages"]
    assert counts["networks"] == 8
    assert counts["lost"] == 0


def test_pytables_which_says_nothing_of_a_full_disk_leaves_no_file_with_holes(tmp_path):
    table = pd.DataFrame({"x": range(40_000)})
    with small_disk(tmp_path / "disk", 1) as disk:
        for room in (0, 50_000, 300_000):
            fill(disk, room)
            with pytest.raises(UserError, match="no space left"):
                write_pytables(disk / "table.h5", table)
            assert [path.name for path in disk.iterdir()] == ["fill"]
        (disk / "fill").unlink()
        write_pytables(disk / "table.h5", table)
        assert pd.read_hdf(disk / "table.h5").equals(table)


def test_what_was_there_before_stays_when_the_new_file_does_not_fit(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        write_text(disk / "a.txt", "old")
        fill(disk, 0)
        with pytest.raises(UserError) as raised:
            write_text(disk / "a.txt", "new" * 1000)
        assert str(raised.value) == full_disk_line(disk / "a.txt")
        assert (disk / "a.txt").read_text() == "old"
