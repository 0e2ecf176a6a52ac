"""A logger plugin of Snakemake: what happens in a run as JSON, an object a line, for `frameworth run` to read."""

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
    """Writes the events that `_PASSED_ON` names, each with `event` and these fields of its record."""

    settings: LogHandlerSettings

    def emit(self, record: LogRecord) -> None:
        """Write one event; none if nobody reads them any more."""
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
        """Snakemake's own words go on."""
        return False

    @property
    def writes_to_file(self) -> bool:
        """It has no file that Snakemake could name."""
        return False

    @property
    def has_filter(self) -> bool:
        """All events come, with `--quiet`, too."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It writes no text of Snakemake's."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """It needs none."""
        return False
