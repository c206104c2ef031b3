"""k8s-debug-open: signs fresh links for a capture in the store, and shows its findings and files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from ..bundle.bundle import manifest_text, receipt_text
from ..errors import BadInput, NotStored, Unreachable
from ..links.renew_page import renew_page
from ..links.sign import SignedCapture, sign_links
from ..model import Outcome
from ..report.summary import summary
from ..runtime.context import RunContext
from ..settings.links import StoredCaptureSettings
from ..settings.result import ResultSettings
from ..settings.store import StoreSettings
from ..stores.base import ReadableStore
from ..stores.registry import open_readable, required_url
from .result_table import capture_result, encrypted_result
from .shared import Step


@dataclass(frozen=True, kw_only=True)
class OpenStep:
    """Settings of `open_capture`."""

    capture: StoredCaptureSettings
    store: StoreSettings
    result: ResultSettings


def open_capture(step: OpenStep, context: RunContext) -> Outcome:
    """Sign fresh links for a capture, renew its report page, and print its findings and files.

    Raises BadInput, CaptureGone, UnexpectedAnswer, or Unreachable if the store cannot be read.
    """
    if not step.capture.capture:
        raise BadInput("cannot open a capture", "capture is missing", "Enter the capture, as in the note.")
    url = required_url(step.store, "open the capture")
    store = open_readable(step.store)
    try:
        capture = sign_links(store, url, step.capture.capture)
    except NotStored as error:
        # Nothing was to be stored: the exit code is that of a server that cannot be reached.
        raise Unreachable(error.action, error.reason, error.remedy) from error
    _renew_page(store, capture, context)
    context.report(_render(capture) if step.result.rendered else "\n".join(_lines(capture)))
    return Outcome(0, {"link": capture.receipt.page}, _document(capture))


def _renew_page(store: ReadableStore, capture: SignedCapture, context: RunContext) -> None:
    """Renew the links of the report page. A failure is only reported, because the result has the fresh links too."""
    try:
        renew_page(store, capture)
    except (NotStored, OSError) as error:
        context.report(f"{error} The links in the report page are not renewed. Use the links below.")


def _render(capture: SignedCapture) -> str:
    if capture.manifest is None:
        return encrypted_result(capture.key, capture.receipt)
    return capture_result(capture.manifest, capture.receipt)


def _lines(capture: SignedCapture) -> Iterator[str]:
    receipt, manifest = capture.receipt, capture.manifest
    yield summary(manifest) if manifest else f"{capture.key}: encrypted"
    for finding in manifest.findings if manifest else ():
        yield f"{finding.severity}: {finding.title}"
    yield f"Evidence: {receipt.page}"
    if receipt.links_end:
        yield f"Links open until {receipt.links_end:%Y-%m-%d %H:%M} UTC"
    # The last file is the report page.
    for stored in receipt.stored[:-1]:
        yield f"{stored.key.removeprefix(f'{capture.key}/')}: {stored.link}"


def _document(capture: SignedCapture) -> dict[str, object]:
    """Return manifest and receipt, as `capture --output json` does."""
    manifest = json.loads(manifest_text(capture.manifest)) if capture.manifest else None
    return {"manifest": manifest, "receipt": json.loads(receipt_text(capture.receipt))}


STEP = Step(OpenStep, open_capture)
