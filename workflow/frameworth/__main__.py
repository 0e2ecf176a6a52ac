"""The command line: `frameworth`, or `python -m frameworth`."""

from __future__ import annotations

import click

from frameworth.cli.stages import stages
from frameworth.cli.study import study

_IN_ORDER = ("init", "check", "estimate", "run", "status", "explain", "report", "plan")  # as a study takes them


class _ForPeople(click.Group):
    """A group whose help lists what people call; what the workflow's rules call is in the help of `stages`."""

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
    """Which of your hand-labelled frames help your pose network, and which harm?"""


if __name__ == "__main__":
    main(prog_name="python -m frameworth")
