"""A logger plugin for Snakemake that writes the events of a run as JSON lines for `frameworth run`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from logging import LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

_PASSED_ON = {
    LogEvent.JOB_INFO: ("jobid", "output"),
    LogEvent.JOB_STARTED: (),
    LogEvent.JOB_FINISHED: ("job_id",),
    LogEvent.JOB_ERROR: ("rule_name", "rule_msg", "log"),
    LogEvent.PROGRESS: ("done", "total"),
    LogEvent.ERROR: ("exception", "msg"),
}


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """The option `--logger-frameworth-descriptor`."""

    descriptor: int | None = field(
        default=None,
        metadata={"help": "The open file descriptor that events are written to.", "type": int, "required": True},
    )


class LogHandler(LogHandlerBase):
    """Writes the events in `_PASSED_ON`, each as an object with `event` and the listed fields of its record."""

    settings: LogHandlerSettings

    def emit(self, record: LogRecord) -> None:
        """Write one event; do nothing if the reader has gone."""
        event = getattr(record, "event", None)
        if event not in _PASSED_ON:
            return
        assert self.settings.descriptor is not None
        message = {"event": str(event)} | {name: getattr(record, name) for name in _PASSED_ON[event]}
        try:
            os.write(self.settings.descriptor, f"{json.dumps(message, default=list)}\n".encode())
        except BrokenPipeError:
            return

    @property
    def writes_to_stream(self) -> bool:
        """It does not write to the terminal, so Snakemake's own logger stays active."""
        return False

    @property
    def writes_to_file(self) -> bool:
        """It writes to a descriptor, not to a file that Snakemake could name."""
        return False

    @property
    def has_filter(self) -> bool:
        """It filters events itself, so it gets all of them, even with `--quiet`."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It writes JSON and does not need Snakemake's formatter."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """It does not need the rule graph."""
        return False
