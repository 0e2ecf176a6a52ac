"""Whatever a config, a project or a label table is: a good study or a clean refusal, never a traceback.

Some hundred examples here and in `test_fuzz_files.py`; `make fuzz` tries 10,000 of each kind.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bad_inputs.study import Study
from conftest import Tally
from frameworth.cli.checking import CheckedStudy, check_study, read_config_file
from frameworth.config.model import config_model
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.pictures import inspect_pictures
from frameworth.plan.config import check_config
from frameworth.plan.grid import planned_subsets
from fuzzing import SCALARS, VALUES, bounded, copied, damaged, fuzzed, inside


def of_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What the schema allows, and now and then anything else."""
    kinds = schema.get("oneOf") or schema.get("anyOf")
    if "$ref" in schema:
        return of_schema(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if kinds:
        right: st.SearchStrategy[Any] = st.one_of(*(of_schema(kind) for kind in kinds if kind != {"type": "null"}))
    elif "enum" in schema:
        right = st.sampled_from(schema["enum"])
    elif "properties" in schema:
        required = schema.get("required", [])
        parts = {key: of_schema(part) for key, part in schema["properties"].items()}
        right = st.fixed_dictionaries(
            {key: part for key, part in parts.items() if key in required},
            optional={key: part for key, part in parts.items() if key not in required},
        )
    elif schema.get("type") == "array":
        right = st.lists(of_schema(schema["items"]), max_size=3)
    elif schema.get("type") == "object":
        right = st.dictionaries(st.sampled_from(["baseline", "x", "y.1"]), of_schema(schema["additionalProperties"]))
    elif schema.get("type") == "integer":
        low = schema.get("ge", 0)
        right = st.integers(low, min(schema.get("le", 60), low + 60))
    elif schema.get("type") == "number":
        right = st.floats(0.01, min(schema.get("le", 9), 9))
    else:
        right = SCALARS
    return st.one_of(*[right] * 9, VALUES)  # one value in ten is anything


SCHEMA = config_model().model_json_schema()
CONFIGS = of_schema(SCHEMA).map(
    lambda config: config | {"study": "mine", "labels": "project"} if isinstance(config, dict) else {}
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("fuzz"))
    study.write()
    return study


def is_sound(checked: CheckedStudy) -> None:
    """Every problem is one line of four parts, and there is a config unless there is an error."""
    assert all(line.isprintable() and line.count(": ") >= 2 for line in checked.lines())
    assert checked.config is not None or checked.count("error")


@given(given_config=CONFIGS)
@fuzzed
def test_any_config_is_planned_or_refused(good: Study, tally: Tally, given_config: dict[str, Any]) -> None:
    with inside(good.folder), bounded():
        checked = check_study(given_config, "headers", runs_here=True)
    is_sound(checked)
    tally.count(refused=bool(checked.count("error")))
    if not checked.count("error"):
        assert planned_subsets(checked.config)
        assert check_config(given_config) == checked.config


@given(
    text=st.text(max_size=60)
    | VALUES.map(yaml.safe_dump)
    | st.binary(max_size=60).map(lambda data: data.decode("latin1"))
)
@fuzzed
def test_any_text_is_read_as_a_config_or_refused(tally: Tally, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_bytes(text.encode(errors="surrogatepass"))
        config, problems = read_config_file(path)
    assert isinstance(config, dict)
    assert config or problems or not text.strip() or yaml.safe_load(text) == {}
    checked = check_study(config, "tables")
    is_sound(checked)
    tally.count(refused=bool(problems or checked.count("error")))


@given(
    bodyparts=VALUES | st.lists(st.text(min_size=1, max_size=6), max_size=4),
    others=st.dictionaries(st.sampled_from(["scorer", "skeleton", "multianimalproject", "Task"]), VALUES),
)
@fuzzed
def test_any_configuration_of_a_project_is_read_or_refused(
    good: Study, tally: Tally, bodyparts: Any, others: dict[str, Any]
) -> None:
    with copied(good) as study:
        study.dlc_config.write_text(yaml.safe_dump({"bodyparts": bodyparts} | others))
        read_or_refuse(study, tally)


@given(data=st.data())
@fuzzed
def test_any_damage_to_a_projects_files_is_read_or_refused(good: Study, tally: Tally, data: st.DataObject) -> None:
    with copied(good) as study:
        for path in data.draw(st.lists(st.sampled_from(damageable(study)), min_size=1, max_size=2, unique=True)):
            path.write_bytes(damaged(data, path.read_bytes()))
        read_or_refuse(study, tally)


CELLS = st.sampled_from(["", "nan", "inf", "-1", "1e300", "x", "5.5", " 7 ", '"', "\0", "é", "0x10"])


@given(data=st.data())
@fuzzed
def test_any_change_to_cells_of_a_csv_is_read_or_refused(good: Study, tally: Tally, data: st.DataObject) -> None:
    with copied(good) as study:
        rows = [line.split(",") for line in study.labels().read_text().splitlines()]
        for _ in range(data.draw(st.integers(1, 4))):
            row = data.draw(st.integers(0, len(rows) - 1))
            rows[row][data.draw(st.integers(0, len(rows[row]) - 1))] = data.draw(CELLS | st.text(max_size=4))
        study.labels().write_bytes("\n".join(map(",".join, rows)).encode(errors="surrogatepass"))
        read_or_refuse(study, tally)


def damageable(study: Study) -> list[Path]:
    return [study.dlc_config, study.labels("day1"), study.labels("day2"), study.image(), study.image(1)]


def read_or_refuse(study: Study, tally: Tally) -> None:
    """`check` and `read_project` agree, whatever the project is."""
    with inside(study.folder), bounded():
        checked = check_study(study.config, "headers", runs_here=True)
    is_sound(checked)
    tally.count(refused=bool(checked.count("error")))
    try:
        project = read_project(study.project)
    except UserError as refused:
        assert checked.count("error"), refused
    else:
        assert project.xy.shape == (len(project.paths), len(project.keypoints), 2)
        pictures, problems = inspect_pictures(project, decode=True)
        assert all(str(problem).isprintable() for problem in problems)
        assert (pictures.sizes > 0).all() or problems
