"""The REST API of a Rundeck server: all requests of an installation, and the only module with their paths.

Source: Rundeck's API reference, version 44 (Rundeck 4.16 and later), and the controllers of 5.20.1.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3

from tools.installation import PAGES, ArchiveContent, Job, State

VERSION: Final = 44
_PASSWORD = "application/x-rundeck-data-password"  # noqa: S105 - a content type
_JSON = "application/json"
_TOKEN_FOR = "5m"  # noqa: S105 - the lifetime of a token of `as_group` that was not deleted
_LIMITS = urllib3.Timeout(connect=10, read=300)  # an import validates every job
Json = dict[str, Any]


class InstallError(Exception):
    """An installation failed. The message says what failed, why, and what to do."""


@dataclass(frozen=True)
class Response:
    """The response of the server."""

    status: int
    text: str

    @property
    def succeeded(self) -> bool:
        """Return whether the request succeeded."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the content. Raises InstallError if it is not JSON, for example the page of a proxy or a login."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise InstallError(
                f"The server returned {self.status} without JSON: {self.text[:200]!r}. Check that the URL is that "
                "of Rundeck, and that no proxy requires a login."
            ) from None

    def reason(self) -> str:
        """Return why the server rejected the request."""
        try:
            content = json.loads(self.text)
        except ValueError:
            return self.text[:500]
        return str(content.get("message") or content.get("err") or content) if isinstance(content, dict) else self.text


class Server:
    """A Rundeck server; requests run as the owner of ``token``."""

    def __init__(self, url: str, token: str, pool: urllib3.PoolManager) -> None:
        """Use the API at ``url`` with ``token``, over connections from `connections`."""
        self.url = url.rstrip("/")
        self._headers = {"X-Rundeck-Auth-Token": token, "Accept": _JSON}
        self._pool = pool

    def send(self, method: str, path: str, body: bytes = b"", content_type: str = _JSON) -> Response:
        """Send one request. Raises InstallError without a response. Does not follow redirects, to protect the token."""
        headers = {**self._headers, **({"Content-Type": content_type} if method in ("POST", "PUT") else {})}
        url = f"{self.url}/api/{VERSION}/{path}"
        try:
            response = self._pool.request(method, url, body=body or None, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise InstallError(f"{method} {url}: no response: {error}. Check --url, the network, and --ca.") from None
        return Response(response.status, response.data.decode(errors="replace"))

    def require(self, action: str, method: str, path: str, content: Json | None = None) -> Response:
        """Send one request that must succeed. Raises InstallError with ``action`` as the failed action."""
        response = self.send(method, path, b"" if content is None else json.dumps(content).encode())
        return _require_success(action, response)

    def find(self, action: str, path: str) -> Any:
        """Return the content at ``path``, or None if it does not exist. Raises InstallError for other errors."""
        response = self.send("GET", path)
        return None if response.status == 404 else _require_success(action, response).json()

    # --- reading ---------------------------------------------------------------------------------------------

    def state(self, archive: ArchiveContent) -> State:
        """Return the state of the archive's project on the server."""
        project = f"project/{archive.project}"
        visibility = self.find("read the policy of the server", f"system/acl/{visibility_file(archive.project)}")
        keys = self.find("list Key Storage", f"storage/keys/{keys_folder(archive.project)}")
        own = {
            "visibility": (visibility or {}).get("contents", ""),
            "keys": frozenset(resource["path"].rpartition("/")[2] for resource in (keys or {}).get("resources", [])),
        }
        if self.find("look for the project", project) is None:
            return State(**own)
        hooks = self.require("list webhooks", "GET", f"{project}/webhooks").json()
        return State(
            exists=True,
            properties=self.require("read the settings", "GET", f"{project}/config").json(),
            pages={page: text for page in PAGES if (text := self._contents(f"{project}/{page}"))},
            policies={name: self._contents(f"{project}/acl/{name}") for name in self._policies(project)},
            jobs=self._jobs(project, archive),
            named=self._find_named(project, archive),
            webhooks={hook["uuid"]: hook["authToken"] for hook in hooks},
            **own,
        )

    def _contents(self, path: str) -> str:
        policy = self.find(f"read {path}", path)
        return str(policy["contents"]) if policy else ""

    def _policies(self, project: str) -> list[str]:
        policies = self.require("list policies", "GET", f"{project}/acl/").json()
        return [str(resource["name"]) for resource in policies["resources"] if resource["type"] == "file"]

    def _jobs(self, project: str, archive: ArchiveContent) -> dict[str, Json]:
        query = urlencode({"format": "json", "idlist": ",".join(archive.jobs)})
        exported = self.require("export jobs", "GET", f"{project}/jobs/export?{query}").json()
        return {job["uuid"]: job for job in exported}

    def _find_named(self, project: str, archive: ArchiveContent) -> dict[str, Job]:
        groups = {job.group for job in archive.jobs.values()}
        queries = [urlencode({"groupPathExact": group}) for group in sorted(groups)]
        lists = [self.require("list jobs", "GET", f"{project}/jobs?{query}").json() for query in queries]
        return {job["id"]: Job(job["name"], job.get("group") or "") for jobs in lists for job in jobs}

    # --- changes ---------------------------------------------------------------------------------------------

    def create_project(self, name: str) -> None:
        """Create the project."""
        self.require(f"create the project {name}", "POST", "projects", {"name": name})

    def store_key(self, method: str, project: str, name: str, secret: bytes) -> None:
        """Store a secret in the project's Key Storage."""
        path = f"storage/keys/{keys_folder(project)}/{name}"
        _require_success(f"store the key {name}", self.send(method, path, secret, _PASSWORD))

    def write_visibility(self, project: str, policy: str, *, create: bool) -> None:
        """Write the server policy that lets groups see the project."""
        path = f"system/acl/{visibility_file(project)}"
        self.require("write a policy of the server", "POST" if create else "PUT", path, {"contents": policy})

    def write_settings(self, project: str, properties: Mapping[str, str]) -> None:
        """Replace the settings of the project."""
        self.require("write the settings", "PUT", f"project/{project}/config", dict(properties))

    def write_page(self, project: str, page: str, text: str) -> None:
        """Write readme.md or motd.md."""
        self.require(f"write {page}", "PUT", f"project/{project}/{page}", {"contents": text})

    def import_archive(self, project: str, archive: bytes, *, webhooks: bool) -> None:
        """Import jobs and policies. Raises InstallError with the failures in the response: its status is always 200."""
        query = {
            "jobUuidOption": "preserve",
            "importExecutions": "false",
            "importACL": "true",
            "importWebhooks": "true" if webhooks else "false",
        }
        path = f"project/{project}/import?{urlencode(query)}"
        report = _require_success("import the archive", self.send("PUT", path, archive, "application/zip")).json()
        failures = [f"{name}: {_join(report[name])}" for name in report if name.endswith("errors") and report[name]]
        if report.get("import_status") != "successful" or failures:
            raise InstallError("The import failed: " + ("; ".join(failures) or json.dumps(report)))

    # --- checks -----------------------------------------------------------------------------------------------

    def plugin_version(self, step: str) -> str:
        """Return the version of the plugin that has ``step``; "" when the server has not loaded it."""
        plugins = self.require("list plugins", "GET", "plugin/list?service=WorkflowStep").json()
        return next((str(plugin["pluginVersion"]) for plugin in plugins if plugin["name"] == step), "")

    def nodes(self, project: str) -> list[str]:
        """Return the names of the project's nodes."""
        return list(self.require("list nodes", "GET", f"project/{project}/resources?format=json").json())

    def source_errors(self, project: str) -> dict[int, str]:
        """Return the errors of the project's node sources, by the number of the source."""
        sources = self.require("list node sources", "GET", f"project/{project}/sources").json()
        return {source["index"]: str(source["errors"]) for source in sources if source.get("errors")}

    def can_read_key(self, project: str, name: str) -> bool:
        """Return whether the owner of the token can see the key. The content is not requested."""
        return self.send("GET", f"storage/keys/{keys_folder(project)}/{name}").succeeded

    def post_event(self, token: str, event: Json) -> Response:
        """Send ``event`` to the webhook with ``token``."""
        return self.send("POST", f"webhook/{token}", json.dumps(event).encode())

    def execution_status(self, number: str) -> str:
        """Return the status of an execution, for example running, succeeded or failed."""
        return str(self.require("read the execution", "GET", f"execution/{number}").json()["status"])

    @contextmanager
    def as_group(self, group: str) -> Iterator["Server"]:
        """Yield the server with a token of ``group``, which is removed at the end."""
        user = str(self.require("read the current user", "GET", "user/info").json()["login"])
        content = {"roles": [group], "duration": _TOKEN_FOR, "name": f"check of {group}"}
        token = self.require(f"create a token of {group}", "POST", f"tokens/{quote(user)}", content).json()
        try:
            yield Server(self.url, token["token"], self._pool)
        finally:
            self.require(f"delete the token of {group}", "DELETE", f"token/{token['id']}")

    def is_allowed(self, context: str, *actions: str) -> bool:
        """Return whether the policies allow all ``actions``; ``context`` is as in ``project/NAME/job/UUID``."""
        query = urlencode([("actions", action) for action in actions])
        authorizations = self.require(
            f"read the permissions on {context}", "GET", f"authorizations/{context}?{query}"
        ).json()
        return {
            authorization["actionName"]
            for authorization in authorizations["actionAuthorizations"]
            if authorization["isAuthorized"]
        } >= set(actions)


def connections(ca: str = "") -> urllib3.PoolManager:
    """Return connections that trust the CAs in the file ``ca``, "" for the system's. Raises InstallError."""
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise InstallError(f"Cannot read the CA certificates in {ca}: {error}") from None
    return urllib3.PoolManager(retries=False, timeout=_LIMITS, ssl_context=context)


def visibility_file(project: str) -> str:
    """Return the file name of the server policy that lets groups see ``project``."""
    return f"debug-capture-{project}.aclpolicy"


def keys_folder(project: str) -> str:
    """Return the folder of the secrets of ``project`` in Key Storage."""
    return f"project/{project}/debug-capture"


def _require_success(action: str, response: Response) -> Response:
    if response.succeeded:
        return response
    advice = {
        401: "The token is not valid. Create a new one in the profile of the user.",
        403: "The token has too few permissions. Use the token of an administrator.",
        404: (
            "The server does not know this request. Check that --url is complete, and that the server is "
            "Rundeck 5 or later."
        ),
    }.get(response.status, "")
    reason = response.reason().rstrip(".")
    raise InstallError(f"Cannot {action}: the server returned {response.status}: {reason}. {advice}".rstrip())


def _join(errors: Any) -> str:
    return "; ".join(map(str, errors)) if isinstance(errors, list) else str(errors)
