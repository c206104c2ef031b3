"""The command `verify`: compares the files of captures with their checksums, and manifests with their signatures."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import BadInput
from ..links.verify import CaptureFiles, DirectoryFiles, StoredFiles, Verification, verify_capture
from ..model import Outcome
from ..runtime.context import RunContext
from ..settings.store import StoreSettings
from ..settings.verify import VerifySettings
from ..steps.shared import Step
from ..stores.registry import open_readable

EXIT_DIFFERENT = 10
_KEY_PARTS = 3  # NAMESPACE/WORKLOAD/CAPTURE_ID


@dataclass(frozen=True, kw_only=True)
class VerifyStep:
    """Settings of `verify_captures`."""

    verify: VerifySettings
    store: StoreSettings


def verify_captures(step: VerifyStep, context: RunContext) -> Outcome:
    """Print what is right and wrong with each capture. The exit code is 10 if one of them is not as it was captured.

    Raises BadInput, CaptureGone, UnexpectedAnswer, NotStored or Unreachable.
    """
    trusted_keys = [line.strip() for line in step.verify.signed_by.splitlines() if line.strip()]
    results = [
        verify_capture(_files(capture, step.store), trusted_keys) for capture in shlex.split(step.verify.captures)
    ]
    for result in results:
        context.report("\n".join(_lines(result)))
    documents = [{**asdict(result), "valid": result.is_valid} for result in results]
    return Outcome(0 if all(result.is_valid for result in results) else EXIT_DIFFERENT, document=documents)


def _files(capture: str, settings: StoreSettings) -> CaptureFiles:
    """Return the files of ``capture``: a directory, or a capture in a store, which is read by signed links."""
    if Path(capture).is_dir():
        return DirectoryFiles(Path(capture))
    url, key = settings.store, capture
    if "://" in capture:
        url, *parts = capture.rstrip("/").rsplit("/", _KEY_PARTS)
        key = "/".join(parts)
    if not url:
        reason = "it is not a directory, and store is missing"
        raise BadInput(f"cannot verify {capture}", reason, "Set the store's URL.")
    store = open_readable(replace(settings, store=url, link="signed", link_base=""))
    return StoredFiles(store, url, key)


def _lines(result: Verification) -> Iterator[str]:
    yield f"{result.capture}: {'valid' if result.is_valid else 'NOT VALID'}, {len(result.files)} files"
    if result.signer:
        yield f"  signed by {result.signer}"
    if result.signature_problem:
        yield f"  signature: {result.signature_problem}"
    elif not result.signer:
        yield "  not signed: only the checksums in its manifest were compared"
    for check in result.files:
        if check.problem:
            yield f"  {check.file}: {check.problem}"


VERIFY = Step(VerifyStep, verify_captures)
