"""`lintel door osdp`: the secure channel to an access control panel."""

from __future__ import annotations

import sys

import click

from enroll.console import out, print_json
from firmware_bridge.client import DoorClient

KEY_DIGITS = 32
INSTALL_FOR_S = 120.0


@click.group()
def osdp() -> None:
    """Set, rotate and install the key of the secure channel to an access control panel."""


@osdp.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def status(client: DoorClient, /, *, as_json: bool) -> None:
    """Show the link and the fingerprint of its key."""
    answer = client.status()
    if as_json:
        print_json({"panel": answer.panel, "panel_key": answer.panel_key})
        return
    out.print(f"link {answer.panel}, key {answer.panel_key or 'none'}")


@osdp.command("set-key")
@click.pass_obj
def set_key(client: DoorClient) -> None:
    """Use the key that the panel has: 32 hexadecimal digits, asked for or on standard input, never as an argument."""
    # Arguments are seen by every user of the machine and kept by the shell.
    text = click.prompt("key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) * 2 != KEY_DIGITS:
        raise click.UsageError(f"a key has {KEY_DIGITS} hexadecimal digits")
    client.set_panel_key(key)
    out.print(f"key {client.status().panel_key} is in use")


@osdp.command("rotate-key")
@click.confirmation_option(prompt="The link is down until the panel has the new key, too. Go on?")
@click.pass_obj
def rotate_key(client: DoorClient) -> None:
    """Make a new random key, use it, and print it once for the panel.

    A panel that rotates the key itself, over the secure channel, needs none of this.
    """
    import secrets

    key = secrets.token_bytes(KEY_DIGITS // 2)
    client.set_panel_key(key)
    out.print(key.hex())


@osdp.command("install-mode")
@click.option(
    "--for", "duration_s", type=click.FloatRange(min=1.0, max=3600.0), default=INSTALL_FOR_S, show_default=True
)
@click.option("--end", is_flag=True, help="End it.")
@click.pass_obj
def install_mode(client: DoorClient, /, *, duration_s: float, end: bool) -> None:
    """Let the panel set a first key for some seconds. Meanwhile whoever is on the wire could: watch the cable."""
    if end:
        client.close_install_mode()
        out.print("install mode ended")
        return
    client.open_install_mode(duration_s=duration_s)
    out.print(f"install mode for {duration_s:g} s, or until the panel has set a key")
