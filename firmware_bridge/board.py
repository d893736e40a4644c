"""What the machine does with a pin when the process that drove it dies."""

from __future__ import annotations

from pathlib import Path

KERNEL_MODULES = ("pinctrl_bcm2835", "pinctrl_rp1")  # Raspberry Pi to 4, and 5
STRICT_PINS = (
    "a killed daemon leaves the relay as it was until it is restarted: "
    "add dtparam=strict_gpiod to config.txt so that the kernel secures it at once"
)


def advice(modules: Path = Path("/sys/module")) -> tuple[str, ...]:
    """What whoever installed this machine should still do, one sentence each.

    Raspberry Pi kernels keep the level of an output whose owner has died, unlike others (raspberrypi/linux pull
    request 6117); a device tree parameter restores the usual behaviour.
    """
    for name in KERNEL_MODULES:
        parameter = modules / name / "parameters" / "persist_gpio_outputs"
        try:
            if parameter.read_text(encoding="ascii").strip() in ("Y", "1"):
                return (STRICT_PINS,)
        except OSError:
            continue
    return ()
