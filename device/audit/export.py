"""The audit log as JSON Lines, for people and programs that have no SQLite."""

from __future__ import annotations

from pathlib import Path

from device.audit.log import reading_audit
from device.errors import AuditError


def export_audit(log: Path, *, to: Path) -> int:
    """Write every event of `log` to the file `to`, one JSON object a line, and return how many there were.

    The objects have `seq`, `at`, `kind`, `facts`, `previous` and `hash`; `device.audit.chain` says how to check them.
    `to` appears whole or not at all. Raises AuditError when either file cannot be used.
    """
    draft = to.with_name(f".{to.name}.new")
    count = 0
    with reading_audit(log) as reader:
        try:
            with draft.open("w", encoding="ascii") as stream:
                for count, event in enumerate(reader.events(), start=1):  # noqa: B007 (the count is the result)
                    stream.write(event.as_json_line() + "\n")
            draft.replace(to)
        except OSError as error:
            raise AuditError(f"{to}: the audit log cannot be exported: {error.strerror or error}") from error
        finally:
            draft.unlink(missing_ok=True)
    return count
