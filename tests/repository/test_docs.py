"""The additions that the documentation explains work as soon as they are written."""

import ast
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from conftest import REPOSITORY
from frameworth import estimate_influence, figures
from frameworth.answers.held_out import RESAMPLES
from frameworth.attribution import estimators
from frameworth.cli.planning import describe
from frameworth.figures import draw_figure, figure_names
from frameworth.plan.config import check_config
from synthetic_study import write_study
from tiny import config
from tools.config_page import config_page
from tools.rule_graph import rule_graph

DOCS = REPOSITORY / "docs"
LIBRARY = REPOSITORY / "workflow" / "frameworth"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "envs" / "README.md", *sorted(DOCS.rglob("*.md"))]


def code(page, language="python"):
    """The first block of code of a page."""
    return re.search(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.M | re.S)[1]


@pytest.mark.parametrize("page", ["questions.md", "mathematics.md"])
def test_pages_count_as_many_relabellings_of_frames_as_are_drawn(page):
    counts = re.findall(r"([\d,]+)\s+relabellings", (DOCS / page).read_text())
    assert set(counts) == {f"{10 * RESAMPLES:,}"}


def test_the_estimator_of_the_page_is_an_estimator_as_soon_as_its_file_is_there(tmp_path, monkeypatch):
    (tmp_path / "difference_of_medians.py").write_text(code("extending/estimator.md"))
    monkeypatch.setattr(estimators, "__path__", [*estimators.__path__, str(tmp_path)])
    assert check_config(config("demo", influence={"estimator": "difference-of-medians"}))
    assert "`difference-of-medians`" in config_page()
    rng = np.random.default_rng(0)
    inclusion = np.array([rng.permutation(20) < 10 for _ in range(40)])
    scores = np.where(inclusion[:, [3]], 5.0, 1.0) + rng.normal(0, 0.1, (40, 1))
    scores[0] = 1000
    kinds = {"percents": np.full(40, 50), "clusters": np.arange(40), "design": "independent", "resamples": 0}
    influence = estimate_influence(inclusion, scores, estimator="difference-of-medians", **kinds)
    assert influence.value[3, 0] == pytest.approx(4, abs=0.2)
    assert np.abs(np.delete(influence.value[:, 0], 3)).max() < 4


def test_intervals_and_tests_rest_on_the_standard_error_that_an_added_estimator_says_is_its_own(tmp_path, monkeypatch):
    page = code("extending/estimator.md").replace("sample.unknown(), 0", "np.full_like(value, 123.0), 40")
    (tmp_path / "own_error.py").write_text(page.replace("own_errors=False", "own_errors=True"))
    (tmp_path / "no_error.py").write_text(page)
    monkeypatch.setattr(estimators, "__path__", [*estimators.__path__, str(tmp_path)])
    rng = np.random.default_rng(0)
    inclusion = np.array([rng.permutation(20) < 10 for _ in range(40)])
    scores = 4.0 * inclusion[:, [3]] + rng.normal(0, 0.1, (40, 1))
    kinds = {"percents": np.full(40, 50), "clusters": np.arange(40), "design": "independent", "resamples": 19}
    with_error, without_error = (
        estimate_influence(inclusion, scores, estimator=name, **kinds) for name in ("own-error", "no-error")
    )
    assert (with_error.standard_error == 123).all()
    assert with_error.tested_value == pytest.approx(with_error.value)
    assert with_error.p_value == pytest.approx(2 * stats.t.sf(np.abs(with_error.value) / 123, 39))
    assert set(with_error.verdict[:, 0]) == {"undecided"}
    assert without_error.standard_error.max() < 5
    assert without_error.verdict[3, 0] == "worse than average"


def test_the_figure_of_the_page_is_a_figure_as_soon_as_its_file_is_there(tmp_path, monkeypatch):
    (tmp_path / "labelled_keypoints.py").write_text(code("extending/figure.md"))
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    study = write_study(tmp_path / "study", frames=14, halves=4, ladder_seeds=0)
    assert "labelled_keypoints" in figure_names(0, [])
    draw_figure("labelled_keypoints", study, tmp_path / "out")
    drawn = pd.read_csv(tmp_path / "out" / "labelled_keypoints.csv")
    assert drawn["frames"].sum() == 14
    assert (tmp_path / "out" / "labelled_keypoints.png").stat().st_size > 1000


def test_the_page_for_developers_names_every_room_of_the_library_and_no_other():
    page = (DOCS / "developing.md").read_text().split("## Where things are")[1].split("\n## ")[0]
    rooms = {path.parent.name for path in (REPOSITORY / "workflow" / "frameworth").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == rooms


def imports_of(module):
    """The modules of the library, as paths in it, that a module imports, also within functions."""
    paths = set()
    for node in ast.walk(ast.parse((LIBRARY / module).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("frameworth."):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                path = name.removeprefix("frameworth.").replace(".", "/")
                paths |= {f"{path}.py", f"{path}/__init__.py"}
    return paths


def test_on_the_walks_of_the_page_for_developers_each_module_imports_or_is_imported_by_one_named_before_it():
    walks = (DOCS / "developing.md").read_text().split("## Three walks")[1].split("\n## ")[0]
    for walk in walks.split("\n**")[1:]:
        modules = list(dict.fromkeys(re.findall(r"`([\w/]+\.py)`", walk)))
        assert len(modules) >= 8
        for place, module in enumerate(modules[1:], start=1):
            before = modules[:place]
            assert imports_of(module) & set(before) or any(module in imports_of(other) for other in before), module


def test_the_arms_of_the_page_are_planned_beside_the_baseline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked = check_config(yaml.safe_load(code("extending/arm.md", "yaml")))
    text = describe(checked, cores=1, measure=False)
    assert "4 networks on 4 subsets" in text
    assert "12 networks more in the arms small-patches, large-patches, random-patches" in text


@pytest.mark.slow
def test_the_rule_graph_of_the_page_for_developers_is_that_of_the_rules():
    """After a change of rules, `make docs` writes it again."""
    assert f"```mermaid\n{rule_graph()}```" in (DOCS / "developing.md").read_text()


def test_no_command_of_the_pages_has_snakemake_take_a_file_to_make_for_a_config():
    """What follows `--configfile` is taken for further configs, up to the next option or `--`."""
    commands = [command for page in PAGES for command in re.findall(r"snakemake [^`\n#]*", page.read_text())]
    given = [words for command in commands if (words := re.findall(r"--configfile((?: +[^\s-]\S*)+)", command))]
    assert len(given) > 8
    for words in given:
        assert all(word.endswith(".yaml") for word in " ".join(words).split()), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        place, _, heading = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
            anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in anchors, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_and_folders_that_pages_name_are_there(page):
    named = re.findall(r"`((?:workflow|tests|docs|config|profiles|envs)/[\w./-]+)`", page.read_text())
    for name in named:
        if name not in WRITTEN_BY_THE_READER:
            assert (REPOSITORY / name).exists() or (LIBRARY / name).exists(), name


WRITTEN_BY_THE_READER = {
    "config/mine.yaml",
    "workflow/frameworth/attribution/estimators/difference_of_medians.py",
    "workflow/frameworth/attribution/methods/alignment.py",
    "workflow/frameworth/engine/small/__init__.py",
    "workflow/frameworth/figures/labelled_keypoints.py",
    "workflow/frameworth/scores/registry/capped_error.py",
    "workflow/report/labelled_keypoints.rst",
    "envs/frameworth.sif",
}
