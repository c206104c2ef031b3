"""Opens captures by their ID, after their links have expired, for users who are logged in.

    GET /c/CAPTURE_ID         the report page
    GET /c/CAPTURE_ID/NAME    a file of the capture
    GET /healthz              without a login

If the store has links, the answer is a redirect to a link that was just signed; otherwise the file itself. Only files
that the index of the store names can be reached.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Final, Literal
from urllib.parse import quote

from ..errors import CaptureError, NotStored, StoreBusy
from ..manifest import PAGE, Stored
from ..model import Report
from ..serving.http import Reply, Request, ServerLimits, json_problem
from ..stores.base import OpenFile, OpensFiles, ReadableStore
from ..stores.content_type import presentation_of
from ..text import one_line
from .access import Access, AccessLog, Denial, Visitor
from .address import file_key_of
from .index import StoredCapture, StoredFile, find_capture, is_capture_id
from .minute_cache import MinuteCache
from .sign import LINK

LIMITS: Final = ServerLimits(threads=16, connections=256, idle_s=60)
# Requests that wait for the store, or that send a file. The other threads answer what is cached, and health checks.
_SLOW_REQUESTS: Final = 12
_STORE_WAIT_S: Final = 10.0
_MAX_CAPTURE_FILES, _MAX_LINKS, _MAX_PAGE_BYTES = 20_000, 2_000, 16 << 20
_PATH: Final = re.compile(r"/c/(?P<capture>[^/]+)(?:/(?P<name>.*))?", re.DOTALL)
# The page is a file of the store. If someone changed it there, it still runs no script on the origin of this server.
_POLICY: Final = (
    "sandbox allow-downloads allow-popups; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
_SHOWN_HEADERS: Final = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
_RETRY: Final = {"Retry-After": "5"}
_GONE: Final = "The store has no such capture. Check the address. Its retention time may have ended."
Kind = Literal["link", "page", "file", "refused"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """A reply, and what the access log says about it."""

    reply: Reply
    kind: Kind = "refused"
    key: str = ""
    """Key of the file that was served."""
    until: str = ""
    """When the link that was returned expires."""


@dataclass(frozen=True, slots=True)
class EvidenceService:
    """Answers requests with captures of ``store``, which reads without encryption and has its own links."""

    store: ReadableStore
    access: Access
    log: AccessLog
    report: Report
    caches: "Caches" = field(default_factory=lambda: Caches())

    def answer(self, request: Request) -> Reply:
        """Return the answer to ``request``. Evidence is served only after the access log has a line about it."""
        if request.path == "/healthz":
            return Reply(HTTPStatus.OK, json.dumps({"status": "ok"}))
        if request.method not in ("GET", "HEAD"):
            return json_problem(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is allowed", {"Allow": "GET, HEAD"})
        visitor = self.access.check(request)
        answer = self._deny(request, visitor) if isinstance(visitor, Denial) else self._open(request)
        try:
            self.log.write(_log_entry(request, visitor, answer))
        except OSError as error:
            _close(answer.reply)
            self.report(f"cannot write the access log: {error.strerror or error}. No evidence is served without it.")
            return _page(request, HTTPStatus.SERVICE_UNAVAILABLE, "The access log cannot be written.", _RETRY)
        if request.method == "HEAD":
            _close(answer.reply)
            return Reply(answer.reply.status, b"", answer.reply.headers)
        return answer.reply

    def _deny(self, request: Request, denial: Denial) -> _Answer:
        headers = {"WWW-Authenticate": "Bearer"} if denial.status == HTTPStatus.UNAUTHORIZED else {}
        return _Answer(_page(request, denial.status, denial.reason, headers))

    def _open(self, request: Request) -> _Answer:
        """Return the answer to a ``request`` of a user."""
        try:
            path = _PATH.fullmatch(request.path.encode("latin-1").decode())
        except UnicodeError:
            path = None
        if not path or not is_capture_id(path["capture"]):
            return _Answer(_page(request, HTTPStatus.NOT_FOUND, _GONE))
        try:
            return self._open_file(request, path["capture"], path["name"])
        except StoreBusy as error:
            return _Answer(_page(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), _RETRY))
        except CaptureError as error:
            self.report(str(error))
            message = f"The store cannot be read now. {error.action}: {error.reason}. Try again in a minute."
            return _Answer(_page(request, HTTPStatus.BAD_GATEWAY, message, _RETRY))

    def _open_file(self, request: Request, capture_id: str, name: str | None) -> _Answer:
        capture = self.caches.capture(self.store, capture_id)
        file = capture.find(name or PAGE) if capture else None
        if not capture or not file:
            return _Answer(_page(request, HTTPStatus.NOT_FOUND, _GONE))
        is_page = file.key == f"{capture.key}/{PAGE}"
        if is_page and (capture.page_links_end or isinstance(self.store, OpensFiles)):
            # Its links have expired, or will, or do not open in a browser.
            return self._report_page(request, capture, file, "" if name is None else "../")
        if isinstance(self.store, OpensFiles):
            return self._content(request, self.store, file)
        stored = self.caches.link(self.store, file)
        if not stored.link.startswith(("https://", "http://")):
            raise NotStored(f"cannot open {stored.url}", "this kind of store has no links")
        headers = {"Location": stored.link, "Referrer-Policy": "no-referrer"}
        until = stored.expires.isoformat(timespec="seconds") if stored.expires else ""
        return _Answer(Reply(HTTPStatus.FOUND, b"", headers), "link", file.key, until)

    def _report_page(self, request: Request, capture: StoredCapture, file: StoredFile, up: str) -> _Answer:
        """Return the report page. Its links lead to this server; ``up`` is the path from the page to the captures."""
        content = self.caches.page(self.store, file)
        if content is None:
            return _Answer(_page(request, HTTPStatus.NOT_FOUND, _GONE))
        page = _with_server_links(content.decode(errors="replace"), capture, up)
        headers = {"Content-Type": "text/html; charset=utf-8", **_SHOWN_HEADERS}
        return _Answer(Reply(HTTPStatus.OK, page, headers), "page", file.key)

    def _content(self, request: Request, store: OpensFiles, file: StoredFile) -> _Answer:
        """Return the content of ``file``, with the same headers that S3 and Azure send."""
        stream = self.caches.open(store, file, self.report)
        if stream is None:
            return _Answer(_page(request, HTTPStatus.NOT_FOUND, _GONE))
        presentation = presentation_of(file.key)
        headers = {"Content-Type": presentation.content_type, "Content-Length": str(stream.size), **_SHOWN_HEADERS}
        if presentation.disposition:
            headers["Content-Disposition"] = presentation.disposition
        return _Answer(Reply(HTTPStatus.OK, b"", headers, stream), "file", file.key)


class Caches:
    """What the store returned in the last minute, and the limit of requests that wait for the store."""

    def __init__(self, slow_requests: int = _SLOW_REQUESTS, wait_s: float = _STORE_WAIT_S) -> None:
        """Allow ``slow_requests`` at the same time, each of which waits for the store for ``wait_s`` at most."""
        self._slots, self._wait_s = BoundedSemaphore(slow_requests), wait_s
        pool = ThreadPoolExecutor(slow_requests, thread_name_prefix="store")
        self._captures = MinuteCache[StoredCapture | None](
            pool, _MAX_CAPTURE_FILES, lambda capture: len(capture.files) + 1 if capture else 1
        )
        self._links = MinuteCache[Stored](pool, _MAX_LINKS, lambda _link: 1)
        self._pages = MinuteCache[bytes | None](pool, _MAX_PAGE_BYTES, lambda page: len(page or b""))

    def capture(self, store: ReadableStore, capture_id: str) -> StoredCapture | None:
        """Return the capture, or None if ``store`` has none. Raises NotStored, or StoreBusy."""
        with _Slot(self._slots, is_needed=not self._captures.is_ready(capture_id)):
            return self._captures.get(capture_id, lambda: find_capture(store, capture_id), self._wait_s)

    def link(self, store: ReadableStore, file: StoredFile) -> Stored:
        """Return ``file`` with a link that was signed in the last minute. Raises NotStored, or StoreBusy."""
        with _Slot(self._slots, is_needed=not self._links.is_ready(file.key)):
            return self._links.get(file.key, lambda: store.locate(file.key, file.bytes, file.sha256), self._wait_s)

    def page(self, store: ReadableStore, file: StoredFile) -> bytes | None:
        """Return the report page as it is in ``store``, or None if it was deleted. Raises NotStored, or StoreBusy."""
        with _Slot(self._slots, is_needed=not self._pages.is_ready(file.key)):
            return self._pages.get(file.key, lambda: store.read(file.key), self._wait_s)

    def open(self, store: OpensFiles, file: StoredFile, report: Report) -> "_Stream | None":
        """Return the content of ``file``, or None if it was deleted. Raises NotStored, or StoreBusy."""
        slot = _Slot(self._slots, is_needed=True)
        slot.__enter__()
        try:
            opened = store.open(file.key)
        except BaseException:
            slot.release()
            raise
        if opened is None:
            slot.release()
            return None
        return _Stream(opened, slot, report)


class _Slot:
    """Permission to wait for the store."""

    def __init__(self, slots: BoundedSemaphore, *, is_needed: bool) -> None:
        self._slots, self._is_held = slots, is_needed

    def __enter__(self) -> None:
        if self._is_held and not self._slots.acquire(blocking=False):
            self._is_held = False
            raise StoreBusy("Too many requests wait for the store", "", "Try again in a few seconds.")

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the permission back. A second call does nothing."""
        if self._is_held:
            self._is_held = False
            self._slots.release()


class _Stream:
    """The content of a file that is being sent to a client, which may read slowly."""

    def __init__(self, opened: OpenFile, slot: _Slot, report: Report) -> None:
        self.size, self._opened, self._slot, self._report = opened.size, opened, slot, report

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._opened
        except NotStored as error:
            # The client notices that bytes are missing, because it knows the length.
            self._report(str(error))

    def close(self) -> None:
        """Close the file, also if the client has not read all of it."""
        self._opened.close()
        self._slot.release()


def _close(reply: Reply) -> None:
    if reply.pieces is not None:
        reply.pieces.close()


def _with_server_links(page: str, capture: StoredCapture, up: str) -> str:
    """Return ``page`` with links to this server. They are relative, so that a proxy can add a path before /c/."""

    def server_link(old: re.Match[str]) -> str:
        key, name = file_key_of(html.unescape(old[0]))
        capture_id = key.rpartition("/")[2]
        if name == PAGE:
            return html.escape(f"{up}{quote(capture_id)}")
        if key == capture.key and capture.find(name):
            return html.escape(f"{up}{quote(capture_id)}/{quote(name)}")
        return old[0]

    return LINK.sub(server_link, page)


def _log_entry(request: Request, visitor: Visitor | Denial, answer: _Answer) -> dict[str, object]:
    """Return the fields of a line in the access log. It contains no signed link."""
    user = visitor if isinstance(visitor, Visitor) else None
    entry: dict[str, object] = {
        "user": user.user if user else "",
        "by": user.by if user else "",
        "address": request.address,
        "method": request.method,
        "path": request.path[:500],
        "status": answer.reply.status.value,
        "served": "" if answer.kind == "refused" else answer.kind,
        "key": answer.key,
    }
    return {**entry, "link_until": answer.until} if answer.until else entry


def _page(request: Request, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply about a problem: a page for a browser, and JSON for a program."""
    if "text/html" not in request.headers.get("accept", ""):
        return json_problem(status, message, headers)
    title = html.escape(f"{status.value} {status.phrase}")
    page = f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<h1>{title}</h1>\n'
    body = f"{page}<p>{html.escape(one_line(message))}</p>\n</html>\n"
    return Reply(status, body, {"Content-Type": "text/html; charset=utf-8", **_SHOWN_HEADERS, **(headers or {})})
