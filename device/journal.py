"""Log lines for the journal: a stable event name, then its fields."""

from __future__ import annotations

import json
import logging

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`LEVEL event.name field="value" …`: what was passed as `extra` is part of the line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        shown = "".join(f" {name}={json.dumps(value, default=str)}" for name, value in sorted(fields.items()))
        return super().format(record) + shown


def log_to_standard_error() -> None:
    """Send INFO and above to standard error, which systemd passes on to the journal."""
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
