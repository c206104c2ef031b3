"""Reads a file of a store by its signed link."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..errors import NotStored

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_PIECE_BYTES: Final = 1 << 20
_CONNECT_S: Final = 10
_READ_S: Final = 60


def open_link(link: str) -> Iterator[bytes] | None:
    """Return the content behind ``link`` in pieces; None if there is no such file. Raises NotStored."""
    import urllib3

    action = f"cannot read {urlsplit(link)._replace(query='').geturl()}"  # the query is the signature
    pool = urllib3.PoolManager(retries=urllib3.Retry(3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503)))
    try:
        response = pool.request(
            "GET", link, preload_content=False, timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        )
    except urllib3.exceptions.HTTPError as error:
        raise NotStored(action, _reason(error), "Check the network between this machine and the store.") from error
    if response.status == 404:
        response.drain_conn()
        return None
    if response.status >= 400:
        response.drain_conn()
        raise NotStored(action, f"the store returned HTTP {response.status}", "Check the rights of the store's key.")
    return _pieces(response, action)


def _pieces(response: "BaseHTTPResponse", action: str) -> Iterator[bytes]:
    import urllib3

    try:
        # Without decoding: an artifact that is stored with an encoding is compared as it was captured.
        yield from response.stream(_PIECE_BYTES, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise NotStored(action, _reason(error), "Try again.") from error
    finally:
        response.release_conn()


def _reason(error: Exception) -> str:
    return str(error.args[-1]) if error.args else str(error)
