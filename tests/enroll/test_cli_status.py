"""What the `lintel` command leaves with."""

from __future__ import annotations

import click
import pytest

from device.errors import NoFaceError
from enroll.cli import run
from firmware_bridge.errors import DoorUnreachableError
from models.errors import DigestError


@click.command()
@click.option("--status", type=int, default=0)
@click.pass_context
def leave(ctx: click.Context, status: int) -> None:
    ctx.exit(status)


@click.command()
def abort() -> None:
    raise click.Abort


@pytest.mark.parametrize("status", [0, 1, 7])
def test_the_status_a_command_leaves_with_reaches_the_shell(status: int) -> None:
    assert run(leave, ["--status", str(status)]) == status


def test_a_wrong_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(leave, ["--frob"]) == 2
    assert "No such option" in capsys.readouterr().err


def test_an_interruption_is_told_and_leaves_as_shells_expect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(abort, []) == 130
    assert capsys.readouterr().err == "lintel: interrupted\n"


@pytest.mark.parametrize(
    "fault", [NoFaceError("no face"), DigestError("another file"), DoorUnreachableError("nobody answers")]
)
def test_a_fault_is_one_sentence_and_the_code_of_its_kind(
    fault: NoFaceError | DigestError | DoorUnreachableError, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def fail() -> None:
        raise fault

    assert run(fail, []) == fault.exit_code
    assert capsys.readouterr().err == f"lintel: {fault}\n"
