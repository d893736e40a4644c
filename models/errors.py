"""What can go wrong with the networks.

    ModelError
    ├── ManifestError (ValueError)         the manifest is wrong: a bug, since it ships with the code     40
    ├── ModelMissingError (LookupError)    a network is not installed                                     41
    ├── DigestError (ValueError)           a file is not the one the manifest names                       42
    ├── DownloadError (OSError)            no source delivered the file                                   43
    ├── RuntimeMissingError (ImportError)  the runtime or a delegate it names is not installed            44
    ├── WeightsError (ValueError)          a foreign weight file cannot be understood                     45
    ├── InferenceError (RuntimeError)      the runtime refused to load or run a network                   46
    └── StoreError (OSError)               the model store cannot be read or written                      47

The number is the exit code of the `lintel` command.
"""

from __future__ import annotations

from typing import ClassVar


class ModelError(Exception):
    """Root of the networks' errors."""

    exit_code: ClassVar[int] = 70


class ManifestError(ModelError, ValueError):
    """The manifest is inconsistent. It ships with the code, so this is a bug or a changed installation."""

    exit_code = 40


class ModelMissingError(ModelError, LookupError):
    """A network is not installed; the message names the command that installs it."""

    exit_code = 41


class DigestError(ModelError, ValueError):
    """A file's sha256 is not the manifest's; the message names file, expected and found digest."""

    exit_code = 42


class DownloadError(ModelError, OSError):
    """No source delivered the file; nothing partial was left behind."""

    exit_code = 43


class RuntimeMissingError(ModelError, ImportError):
    """The runtime, execution provider or delegate that the configuration names is not on this machine."""

    exit_code = 44


class WeightsError(ModelError, ValueError):
    """A foreign weight file does not have the structure its format promises."""

    exit_code = 45


class InferenceError(ModelError, RuntimeError):
    """The runtime refused to load or to run a network."""

    exit_code = 46


class StoreError(ModelError, OSError):
    """The model store cannot be read or written, or another installation is busy in it; what it held is untouched."""

    exit_code = 47
