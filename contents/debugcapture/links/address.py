"""How a person or a note names a capture in a store: by its key, by its ID, or by a link to one of its files."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ..bundle.bundle import Bundle
from ..errors import BadInput
from ..settings.declare import CAPTURE_ID, NAME, POD_NAME

CAPTURE_KEY: Final = rf"{NAME}/{POD_NAME}/{CAPTURE_ID}"
_FILE_IN_PATH: Final = re.compile(rf"(?:^|/)(?P<key>{CAPTURE_KEY})/(?P<file>.+)")
_EXECUTION: Final = re.compile(r"(?P<project>https?://\S+/project/[^/\s]+)/execution/\S+")


def file_key_of(link: str) -> tuple[str, str]:
    """Return the key of the capture and the name of the file that ``link`` opens; ("", "") if it opens no such file."""
    path = _FILE_IN_PATH.search(unquote(urlsplit(link).path))
    return (path["key"], path["file"]) if path else ("", "")


def job_link(execution: str, job: str, key: str) -> str:
    """Return the address of the job with the UUID ``job``, with the capture ``key`` in its form.

    ``execution`` is the URL of an execution in the same project. Return "" if it is not one of Rundeck, or if there is
    no ``job``. Source: Rundeck documentation, "Jobs" (`opt.NAME` in the address of a job).
    """
    address = _EXECUTION.fullmatch(execution)
    return f"{address['project']}/job/show/{job}?opt.capture_id={quote(key)}" if address and job else ""


def named_key(capture: str, spool: Path) -> str:
    """Return the key of ``capture``, which is a key itself or only a capture ID. Raises BadInput.

    An ID does not contain the namespace. Its bundle, which stays in ``spool`` for a week, does.
    """
    if re.fullmatch(CAPTURE_KEY, capture):
        return capture
    try:
        return Bundle(spool / capture).manifest().key
    except BadInput as error:
        reason = f"the spool {spool} no longer contains its bundle"
        remedy = "Enter NAMESPACE/WORKLOAD/CAPTURE_ID, as in the link of the note."
        raise BadInput(f"cannot find the capture {capture}", reason, remedy) from error
