"""A file from an https address."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException

from models.errors import DownloadError
from models.progress import Progress

CHUNK_BYTES = 1 << 18
NO_ANSWER_AFTER_S = 20.0


def download(url: str, *, size: int, progress: Progress) -> bytes:
    """The `size` bytes at `url`; whether they are the right ones is for the caller to verify.

    Raises DownloadError when the address cannot be reached, refuses, stalls or has fewer or more bytes.
    """
    name = url.rpartition("/")[2]
    try:
        with urllib.request.urlopen(url, timeout=NO_ANSWER_AFTER_S) as response:  # noqa: S310 (the manifest allows https alone)
            content = bytearray()
            progress(name, done=0, total=size)
            while len(content) <= size and (chunk := response.read(CHUNK_BYTES)):
                content += chunk
                progress(name, done=len(content), total=size)
    except urllib.error.HTTPError as error:
        with error:  # it is also the response, which holds a socket
            raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (HTTPException, OSError) as error:  # URLError is an OSError
        raise DownloadError(f"{url}: {_reason(error)}") from error
    if len(content) != size:
        more_or_fewer = "more" if len(content) > size else "fewer"
        raise DownloadError(f"{url} has {more_or_fewer} than {size} bytes")
    return bytes(content)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__
