"""How a person or a note names a capture in a store: by its key, by its ID, or by a link to one of its files. Pure."""

import re
from typing import Final
from urllib.parse import quote, unquote

from ..settings.declare import CAPTURE_ID, NAME, POD_NAME

CAPTURE_KEY: Final = rf"{NAME}/{POD_NAME}/{CAPTURE_ID}"
_FILE_IN_PATH: Final = re.compile(rf"(?:^|/)(?P<key>{CAPTURE_KEY})/(?P<file>.+)")
_QUERY: Final = re.compile(r"[?#].*", re.DOTALL)
_EXECUTION: Final = re.compile(r"(?P<project>https?://\S+/project/[^/\s]+)/execution/\S+")


def file_key_of(link: str) -> tuple[str, str]:
    """Return the key of the capture and the name of the file that ``link`` opens; ("", "") if it opens no such file."""
    # Not urlsplit: it rejects the form [HOST]:PORT, which addresses of SFTP servers have.
    path = _FILE_IN_PATH.search(unquote(_QUERY.sub("", link)))
    return (path["key"], path["file"]) if path else ("", "")


def job_link(execution: str, job: str, capture_id: str) -> str:
    """Return the address of the job with the UUID ``job``, with ``capture_id`` in its form.

    ``execution`` is the URL of an execution in the same project. Return "" if it is not one of Rundeck, or if there is
    no ``job``. Source: Rundeck documentation, "Jobs" (`opt.NAME` in the address of a job).
    """
    address = _EXECUTION.fullmatch(execution)
    return f"{address['project']}/job/show/{job}?opt.capture_id={quote(capture_id)}" if address and job else ""
