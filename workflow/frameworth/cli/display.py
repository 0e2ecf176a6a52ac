"""Show the progress of a run on a terminal or in a file."""

from __future__ import annotations

import time
from typing import Any, TextIO

from frameworth.cli.failures import SAID
from frameworth.errors import printable

WATCH = SAID + "networks "  # start of the lines of `Meter`
_PLAIN_LINE_SECONDS = 30  # time between lines if the output is not a terminal
_LABELS = "/labels_to_check.csv"


class Display:
    """The state of a run: on a terminal one line that is overwritten, elsewhere a line at intervals."""

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen
        self._terminal = screen.isatty()
        self._networks = ""
        self._jobs = ""
        self._labels: dict[int, str] = {}
        self._shown = 0.0
        self._last = ""

    def happened(self, event: dict[str, Any]) -> None:
        """Show an event of the logger plugin."""
        match event["event"]:
            case "progress":
                self._jobs = f"jobs {event['done']} of {event['total']}"
                self._show()
            case "job_info":
                for path in event["output"]:
                    if path.endswith(_LABELS) and not path.endswith(f"/figures{_LABELS}"):  # not the figure's
                        self._labels[event["jobid"]] = path
            case "job_finished":
                if path := self._labels.get(event["job_id"]):
                    self._say(f"the list of labels to check is there: {path}; figures and the report follow")

    def read(self, line: str) -> None:
        """Show a line of Snakemake's output if this program wrote it."""
        if line.startswith(WATCH):
            self._networks = printable(line.removeprefix(SAID).strip())
            self._show()
        elif line.startswith(SAID):
            self._say(line.removeprefix(SAID).strip())

    def _show(self) -> None:
        text = "; ".join(part for part in (self._networks, self._jobs) if part)
        now = time.monotonic()
        if text == self._last or (not self._terminal and now - self._shown < _PLAIN_LINE_SECONDS):
            return
        self._shown, self._last = now, text
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=self._screen, flush=True)
        else:
            print(text, file=self._screen, flush=True)

    def _say(self, text: str) -> None:
        self.close()
        print(printable(text), file=self._screen, flush=True)

    def close(self) -> None:
        """Clear the line that is overwritten."""
        if self._terminal and self._last:
            print("\r\033[K", end="", file=self._screen, flush=True)
            self._last = ""
