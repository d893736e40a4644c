"""Keeping secrets out of core dumps, swap and other processes' reach, as far as the platform allows."""

from __future__ import annotations

import ctypes
import logging
import resource
import sys

log = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4  # prctl(2), linux/prctl.h
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4  # mlockall(2): what is resident, now and later, and no more


def forbid_dumps() -> bool:
    """No core file and no debugger of the same user may read this process; whether the platform took it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def lock_secrets() -> bool:
    """Keep this process out of swap; whether the platform allowed it.

    Keys are copied by Python and OpenSSL where nobody can follow them, so all pages of the process are locked, not one
    buffer. It needs LimitMEMLOCK=infinity, and is not asked for where less than all would fit.
    """
    if not sys.platform.startswith("linux"):
        return False
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY:
        log.info("memory.not_locked", extra={"limit_bytes": soft})
        return False
    return bool(ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
