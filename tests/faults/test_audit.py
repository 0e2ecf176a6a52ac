"""A whole study by its system calls: what it writes, whom it contacts, what it starts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from audit import Audit, audited, can_audit
from bad_inputs.study import Study
from conftest import REPOSITORY, Tally
from films import write_film
from frameworth.labels.images import read_image
from small_study import state

pytestmark = pytest.mark.skipif(not can_audit(), reason="no strace, or no namespaces")

ACTIVE = 'it\'s "$(touch canary)" `touch canary`;touch canary;'
# Where a study may write, below its working directory, and beside it.
OWN = ("results", ".snakemake", "logs")
# Python's compiled modules; the system's devices; what a process sets for itself.
SYSTEM = (REPOSITORY, Path(sys.prefix), Path(sys.base_prefix))
DEVICES = (Path("/dev"), Path("/proc/self"))


def hostile_study(folder: Path) -> Study:
    """A study all of whose names a shell would run."""
    study = Study(folder)
    study.rename_keypoint(f"-k {ACTIVE}")
    study.rename_image(f"-i {ACTIVE}.png")
    study.rename_video(f"-v {ACTIVE}")
    study.project = study.project.rename(folder / f"-p {ACTIVE}")
    study.config["labels"] = study.project.name
    return study


def run(study: Study, tmp_path: Path, *targets: str) -> Audit:
    """The workflow without network, on a project that cannot be written."""
    study.write()
    for name in ("tmp", "home"):
        (tmp_path / name).mkdir()
    environment = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
    command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--cores", "2", "--configfile", "study.yaml", "--", *targets]
    before = state(study.project)
    audit = audited(command, study.folder, tmp_path / "calls", [study.project], environment)
    assert audit.code == 0, audit.output[-6000:]
    assert state(study.project) == before
    return audit


def assert_kept_to_itself(audit: Audit, study: Study, tmp_path: Path, tally: Tally) -> None:
    allowed = [study.folder / name for name in OWN] + [tmp_path / "tmp", tmp_path / "home"]
    elsewhere = audit.written_outside([*allowed, *DEVICES])
    compiled = [path for path in elsewhere if "__pycache__" in path.parts and any(map(path.is_relative_to, SYSTEM))]
    tally.update({"system calls": sum(audit.calls.values()), "files opened": audit.calls["openat"]})
    # PyTorch keeps a cache among the temporary files of the machine.
    strays = {path for path in set(elsewhere) - set(compiled) if not path.name.startswith("torchinductor_")}
    tally.update({"paths written": len(audit.written), "outside its folders": len(strays)})
    assert not strays
    # Where SLURM's programs are, Snakemake's plugin asks them for the cluster's name whatever is run.
    called = [address for program, address in audit.addresses if program != shutil.which("scontrol")]
    tally.update({"calls to other machines": len(called)})
    assert not called
    # NVIDIA's, which `frameworth.library_path` knows of.
    assert {Path(name).name for name in audit.libraries_here} <= {"libcuda.so.1"}
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("canary")]


def test_an_ensemble_of_hostile_names_is_trained_without_network_and_writes_only_its_own_folders(
    tmp_path: Path, tally: Tally
) -> None:
    study = hostile_study(tmp_path / "it's a folder")
    audit = run(study, tmp_path, "results/mine/ensembles/percent-050/seed-1/training.json")
    assert_kept_to_itself(audit, study, tmp_path, tally)
    assert audit.calls["openat"] > 1000


def test_the_audit_sees_what_is_written_and_asked_wherever_it_is(tmp_path: Path) -> None:
    """Else the others would find nothing in whatever happens."""
    code = (
        "import os, socket, subprocess, sys\n"
        "os.mkdir('inner'); os.chdir('inner'); open('a b', 'w').close(); os.rename('a b', 'é'); os.symlink('x', 'l')\n"
        "subprocess.run(['sh', '-c', 'cd ..; > child; mkdir -p project/new; chmod 600 project/old'])\n"
        "try: socket.create_connection(('192.0.2.1', 80), 1)\n"
        "except OSError: pass\n"
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / "old").touch()
    environment = {"LD_LIBRARY_PATH": "/nowhere:"}
    audit = audited([sys.executable, "-c", code], tmp_path, tmp_path / "calls", [project], environment)
    here = tmp_path.resolve()
    names = {str(path.relative_to(here)) for path in audit.written if path.is_relative_to(here)}
    assert names >= {"inner", "inner/a b", "inner/é", "inner/l", "child", "project/new", "project/old"}
    assert not (project / "new").exists()
    ((program, address),) = audit.addresses
    assert "python" in program
    assert "192.0.2.1" in address
    assert any(Path(program).name == "sh" for program in audit.programs)
    assert "libc.so.6" in audit.libraries_here


@pytest.mark.long
def test_a_whole_study_with_videos_is_made_without_network_and_writes_only_its_own_folders(
    tmp_path: Path, tally: Tally
) -> None:
    """With figures, report, summary, and videos whose names a shell would run."""
    study = hostile_study(tmp_path / "it's a folder")
    film = f"-f {ACTIVE}.avi"
    write_film(study.folder / film, [read_image(path) for path in sorted(study.project.rglob("*.png"))], 5, "MJPG")
    study.config["videos"] = [film]
    study.config["plant"] = {"share": 0.1}
    audit = run(study, tmp_path)
    assert_kept_to_itself(audit, study, tmp_path, tally)
    assert (study.folder / "results/mine/report.html").exists()
    assert (study.folder / "results/mine/frames_to_label.csv").exists()
    assert not [path for path in audit.programs if Path(path).name.startswith("touch")]
