"""The command line: `frameworth`, or `python -m frameworth`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from frameworth.cli.stages import stages
from frameworth.cli.study import study

# As a study takes them.
_IN_ORDER = ("init", "check", "estimate", "run", "status", "explain", "report", "apply", "plan")


class _OneLine(click.ClickException):
    """What is wrong with a command as it was typed, in one line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it as other errors are printed."""
        print(f"frameworth: {self.format_message()}", file=file or sys.stderr)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "frameworth"
        what = error.format_message().rstrip(".")
        raise _OneLine(f"{what}{' See' if what.endswith('?') else '; see'} {command} --help") from None


class _ForPeople(click.Group):
    """A group whose help lists what people call; what the workflow's rules call is in the help of `stages`."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read the options; a wrong option is reported in one line."""
        with _in_one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; a wrong option is reported in one line."""
        with _in_one_line():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = dict.fromkeys((*_IN_ORDER, *study.commands))
        with formatter.section("Commands"):
            formatter.write_dl([(name, study.commands[name].get_short_help_str(90)) for name in names])


@click.command(
    cls=_ForPeople,
    commands={**study.commands, **stages.commands, "stages": stages},
    epilog="`frameworth stages --help` lists the stages that the workflow calls.",
)
def main() -> None:
    """Which of your hand-labelled frames help your pose network, and which harm?

    A study is a config file and a folder of results. `init` writes the config. `check` and `estimate` look before
    anything is trained. `run` trains, and ends with the answer. `status`, `explain` and `report` show what was found.

    \b
    frameworth init path/to/dlc-project --study mine
    frameworth run --configfile config/mine.yaml
    frameworth report --configfile config/mine.yaml --open
    """


if __name__ == "__main__":
    main(prog_name="python -m frameworth")
