"""The command line: `frameworth`, or `python -m frameworth`."""

from __future__ import annotations

import click

from frameworth.commands.stages import stages
from frameworth.commands.study import study


class _InSections(click.Group):
    """A group whose help lists what people call before what the workflow's rules call."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, group in (("Commands", study), ("Stages, called by the workflow", stages)):
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(90)) for name, command in group.commands.items()])


@click.command(cls=_InSections, commands=study.commands | stages.commands)
def main() -> None:
    """Which of your hand-labelled frames help your pose network, and which harm?"""


if __name__ == "__main__":
    main(prog_name="python -m frameworth")
