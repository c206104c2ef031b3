"""k8s-debug-upload: uploads bundles to the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ..bundle.bundle import Bundle, claimed, open_bundle, prune, recover, waiting
from ..errors import BadInput, CaptureError, NotStored
from ..links.lifetime import short_life
from ..manifest import Receipt
from ..model import Outcome
from ..runtime.context import RunContext, spool_of
from ..settings.result import ResultSettings
from ..settings.spool import BundleSettings, SpoolSettings
from ..settings.store import StoreSettings
from ..upload.publish import publish_to_store
from .result_table import capture_result
from .shared import Step

if TYPE_CHECKING:
    from ..settings.forms import CaptureStep

_OTHER_UPLOAD_LIMIT_S = 600


@dataclass(frozen=True, kw_only=True)
class UploadStep:
    """Settings of `upload`."""

    bundle: BundleSettings
    store: StoreSettings
    result: ResultSettings
    spool: SpoolSettings


def upload(step: UploadStep, context: RunContext) -> Outcome:
    """Upload a bundle, and those left over from earlier runs. Bundles that the store confirms leave the spool.

    Raises NotStored if the named bundle could not be uploaded. Without a name, this applies to all bundles.
    """
    spool = spool_of(step.spool, context)
    if not step.store.store:
        if not step.bundle.bundle:
            context.report("nothing to upload: no bundle was captured, and no store is set")
            return Outcome(0)
        remedy = f"Set the store's URL. The bundle is in the spool: {step.bundle.bundle}"
        raise BadInput("cannot upload the bundle", "store is missing", remedy)
    if not step.bundle.bundle:
        bundles = waiting(spool)
        if not bundles:
            context.report("nothing to upload: no bundle is in the spool")
        failures = _send_waiting(bundles, step.store, context)
        prune(spool, datetime.now(timezone.utc))
        if failures:
            raise failures[0]
        return Outcome(0)
    bundle = open_bundle(step.bundle.bundle, spool)
    receipt = publish_and_report(bundle, step, context)
    for error in _send_waiting(waiting(spool), step.store, context):
        # It is not the bundle of this run, and the next run tries again.
        context.report(str(error))
    return Outcome(0, {"link": receipt.page})


def _send_waiting(bundles: Sequence[Bundle], settings: StoreSettings, context: RunContext) -> list[CaptureError]:
    """Upload ``bundles``, which wait in the spool, and return the errors. Skip bundles of running processes."""
    failures: list[CaptureError] = []
    for bundle in bundles:
        with claimed(bundle) as is_claimed:
            if not is_claimed:
                continue
            try:
                if bundle.receipt():
                    continue
                context.report(f"{bundle.folder.name} has been in the spool since an earlier run")
                recover(bundle, datetime.now(timezone.utc))
                publish_to_store(bundle, settings, context.report)
            except CaptureError as error:
                failures.append(error)
    return failures


def publish_and_report(bundle: Bundle, step: "CaptureStep | UploadStep", context: RunContext) -> Receipt:
    """Publish ``bundle``, report the result, remove old receipts, and return the receipt.

    Another run may be uploading this bundle, because it waited in the spool. Then wait for that run's receipt.
    """
    with claimed(bundle, _OTHER_UPLOAD_LIMIT_S) as is_claimed:
        if not is_claimed:
            action = f"cannot upload {bundle.folder}"
            raise NotStored(action, "another process is uploading it", "That process will store it.")
        context.follow(bundle.folder)
        was_stored = bundle.receipt() is not None
        receipt = publish_to_store(bundle, step.store, context.report)
        if not was_stored:
            _report_short_life(receipt, step.store, context)
    prune(spool_of(step.spool, context), datetime.now(timezone.utc))
    if step.result.rendered:
        context.report(capture_result(bundle.manifest(), receipt))
    return receipt


def _report_short_life(receipt: Receipt, settings: StoreSettings, context: RunContext) -> None:
    """Report links that expire earlier than the settings ask. The link of the page was signed last."""
    page_expires = next((file.expires for file in reversed(receipt.stored) if file.link == receipt.page), None)
    problem = short_life(page_expires, settings, datetime.now(timezone.utc))
    if problem:
        context.report(str(problem))


STEP = Step(UploadStep, upload)
