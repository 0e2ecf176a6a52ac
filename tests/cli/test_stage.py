"""A stage's signature is its command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner

from frameworth.cli._stage import ChosenTraining, stage
from frameworth.config.training import Training


def run(*arguments: str) -> tuple[dict[str, Any], str]:
    """What a stage with a parameter of each kind is called with, and what is printed."""
    called: dict[str, Any] = {}

    @click.group()
    def stages() -> None:
        """All."""

    @stage(stages)
    def try_it(
        paths: tuple[Path, ...],
        *,
        training: ChosenTraining,
        groups: Annotated[list[list[int]], "Groups of percents."],
        device: Literal["cpu", "cuda"],
        keep_snapshots: bool = True,
        arm: dict[str, Any] | None = None,
    ) -> None:
        """Try it with PATHS."""
        called.update(locals())

    done = CliRunner().invoke(stages, ["try-it", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return called, done.output


NEEDED = ("a b", "c", "--training", '{"steps": 5}', "--groups", "[[10, 30]]", "--device", "cpu")


def test_what_is_given_arrives_with_the_types_of_the_signature():
    called, _ = run(*NEEDED, "--keep-snapshots", "False")
    assert {key: called[key] for key in ("paths", "training", "groups", "device", "keep_snapshots", "arm")} == {
        "paths": (Path("a b"), Path("c")),
        "training": Training(steps=5),
        "groups": [[10, 30]],
        "device": "cpu",
        "keep_snapshots": False,
        "arm": None,
    }
    assert run(*NEEDED)[0]["keep_snapshots"] is True


@pytest.mark.parametrize("left_out", ["--training", "--groups", "--device"])
def test_an_option_without_a_default_is_required(left_out: str):
    place = NEEDED.index(left_out)
    called, printed = run(*NEEDED[:place], *NEEDED[place + 2 :])
    assert not called
    assert left_out in printed


def test_a_word_that_is_none_of_the_literals_is_refused():
    called, printed = run(*NEEDED[:-1], "tpu")
    assert not called
    assert "cuda" in printed


def test_a_pilots_choice_is_taken_together_with_the_training_that_lacks_it(tmp_path: Path):
    chosen = {"scale": 0.5, "crop": None, "target_radius": 9}
    (tmp_path / "pilot.json").write_text(json.dumps({"chosen": chosen}))
    called, _ = run(*NEEDED, "--pilot", str(tmp_path / "pilot.json"))
    assert called["training"] == Training(steps=5, **chosen)


def test_help_has_the_words_of_the_signature():
    _, printed = run("--help")
    assert "Groups of percents." in printed
    assert "Try it with PATHS." in printed
