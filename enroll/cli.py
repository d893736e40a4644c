"""The `lintel` command: one click group per noun, each loaded only when it is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from device.config import Settings, read_settings
from device.errors import DeviceError
from device.memory import forbid_dumps
from device.threads import limit_blas_threads
from enroll.console import complain
from enroll.lazy_group import LazyGroup
from firmware_bridge.errors import BridgeError
from models.errors import ModelError

SYSTEM_CONFIG = Path("/etc/lintel/lintel.toml")

COMMANDS = {  # name -> ("module:attribute", summary); a heavy import is paid only by the command that needs it
    "audit": ("enroll.audit:audit", "Show what happened at the door and verify that nobody changed it."),
    "bundle": ("enroll.bundle:bundle", "Make, inspect and apply signed, sealed bundles of changes."),
    "camera": ("enroll.camera:camera", "Show which camera this door has, and pin it."),
    "collection": ("enroll.collection:collection", "Back up, restore and check who is enrolled."),
    "completion": ("enroll.completion:completion", "Print what makes a shell complete this command."),
    "control": ("enroll.control:control", "Ask the running door, as far as your role allows."),
    "demo": ("enroll.demo:demo", "Play visitors to the real loop and show what the door did."),
    "door": ("enroll.door:door", "Ask, release or lock down the door through its daemon."),
    "enroll": ("enroll.enrol:enroll", "Enrol people at the door's own camera or from photos."),
    "measure": ("enroll.measure:measure", "Measure speed and accuracy on this machine."),
    "models": ("enroll.models:models", "Install, list and verify the networks."),
    "people": ("enroll.people:people", "Enrol people, look after them, and let go of them."),
    "site": ("enroll.site:site", "Make, rotate and show the key that seals everyone enrolled."),
    "usb": ("enroll.usb:usb", "Apply the bundles of a mounted USB stick."),
    "watch": ("enroll.watch:watch", "Watch a camera or a video and print every decision."),
}


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lintel")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="LINTEL_CONFIG",
    help=f"The configuration file. Without it, {SYSTEM_CONFIG} where that exists, else every key at its default.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LINTEL_STATE",
    help="The folder of the collection, the audit log and the models, instead of the configured one.",
)
@click.pass_context
def lintel(ctx: click.Context, config: Path | None, state: Path | None) -> None:
    """Lintel: a door that knows who may come in."""
    ctx.obj = settings_for(config, state)
    limit_blas_threads(ctx.obj.runtime.threads)  # now: a command's module imports NumPy


def settings_for(config: Path | None, state: Path | None) -> Settings:
    """The settings a command works with. Raises ConfigError when the file cannot be accepted."""
    import msgspec

    if config is None and SYSTEM_CONFIG.exists():
        config = SYSTEM_CONFIG
    settings = Settings() if config is None else read_settings(config)
    if state is None:
        return settings
    return msgspec.structs.replace(
        settings, site=msgspec.structs.replace(settings.site, state_folder=str(state.absolute()))
    )


def main() -> None:
    """The entry point of the `lintel` command."""
    forbid_dumps()  # names pass through this process
    sys.exit(run(lintel, sys.argv[1:]))


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run `command` and return its exit status: 0, what it gave `ctx.exit`, or the code of the fault that ended it.

    Every known fault is one sentence on standard error; anything else is a bug and shows its traceback.
    """
    try:
        status = command.main(list(arguments), prog_name="lintel", standalone_mode=False)
    except click.Abort:
        complain("interrupted")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (DeviceError, ModelError, BridgeError) as error:
        complain(str(error))
        return error.exit_code
    except BrokenPipeError:  # `lintel … | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0  # click returns what a command gave ctx.exit
