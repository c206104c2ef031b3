"""Every parser with hostile input: it returns a valid result, or one of our errors in one line."""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import debugcapture
from debugcapture.bundle.bundle import MANIFEST, RECEIPT, SENT, Bundle, open_bundle
from debugcapture.capture.crash_dumps import bundle_names
from debugcapture.capture.debug_session import debug_options
from debugcapture.capture.dump_options import NAMES, dump_folders, dump_names
from debugcapture.capture.job_progress import JobProgress
from debugcapture.capture.tool_report import parse_report
from debugcapture.collectors.catalog import FOLDER, files_collector, load
from debugcapture.collectors.processes import parse, parse_pids
from debugcapture.errors import BadInput, CaptureError
from debugcapture.kube.auth import connect
from debugcapture.kube.exec_stream import websocket_url
from debugcapture.kube.frames import Frames, exit_status
from debugcapture.kube.values import parse_quantity
from debugcapture.manifest import Receipt, Stored
from debugcapture.model import Tool
from debugcapture.pagerduty.outbox import Note
from debugcapture.pagerduty.outbox import _read_note as read_note
from debugcapture.pagerduty.senders import CATALOG
from debugcapture.pagerduty.senders import load_file as load_senders
from debugcapture.settings.capture import CaptureSettings
from debugcapture.settings.cluster import ConnectionSettings
from debugcapture.settings.debug_container import DebugContainerSettings
from debugcapture.settings.declare import declared, read
from debugcapture.settings.sftp import SftpSettings
from debugcapture.steps.providers import PROVIDERS
from debugcapture.stores.registry import open_store
from debugcapture.stores.sftp.ssh import read_address, read_login
from debugcapture.targets.condition import parse_condition
from debugcapture.text import number_in
from tests.unit.builders import artifact, manifest
from tests.unit.hostile import BYTES, TEXT, UTF8, changed, tree
from tools.yaml_text import read_yaml

SECRET = "canary-5f0c2a"  # noqa: S105 - it is to be looked for
FOLDERS = tempfile.TemporaryDirectory(prefix="hostile-")
SPOOL = Path(FOLDERS.name)
ARCHIVES = {"tarfile", "zipfile", "gzip", "bz2", "lzma", "zlib", "pickle", "marshal", "shelve"}


@contextmanager
def refused() -> Iterator[None]:
    """Invalid input raises one of our errors, in one line without a secret."""
    message = ""
    try:
        yield
    except CaptureError as error:
        message = str(error)
    assert message.isprintable()
    assert SECRET not in message


def saved(name: str, content: str | bytes) -> Path:
    file = SPOOL / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode(errors="surrogatepass") if isinstance(content, str) else content)
    return file


# --- what a container says -------------------------------------------------------------------------------------


@given(UTF8)
def test_listing_of_processes(output: str) -> None:
    for process in parse(f"S 1\nP 7 0 0 4 app\n{output}").processes:
        assert 0 <= process.pid < 10**9
        assert process.rss_bytes >= 0
        assert "\n" not in process.name


@given(UTF8)
def test_pids_listed_by_a_tool(output: str) -> None:
    tool = Tool(("x",), find=("x",), pid_pattern=r"(\S+)")
    assert all(0 <= pid < 10**9 for pid in parse_pids(tool, output))


@given(UTF8, st.integers(0, 255))
def test_last_lines_of_a_remote_program(errors: str, code: int) -> None:
    report, _ = parse_report(f'{errors}\ndebug-capture-end n {{"ended":"exited","code":{code}}}\n', "n")
    assert report is not None
    assert report.code == code
    parse_report(errors, "n")
    parse_report(f"\ndebug-capture-end n {errors}", "n")


@given(UTF8)
def test_number(text: str) -> None:
    number = number_in(text)
    assert number is None or 0 <= number < 10**18


@given(st.lists(BYTES, max_size=4))
def test_progress_of_long_work(pieces: list[bytes]) -> None:
    log_lines: list[str] = []
    progress = JobProgress("/tmp/x", log_lines.append)
    for piece in pieces:
        progress.write(memoryview(piece))
        assert len(progress._rest) < 100
    assert all(line.isprintable() for line in log_lines)


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\x89\x7f" + b"\xff" * 8, b"\x82\x7f", b"\x88\x00"])))
def test_frames_keep_no_more_than_a_head(pieces: list[bytes]) -> None:
    frames = Frames()
    for piece in pieces:
        for _ in frames.feed(memoryview(piece)):
            pass
        assert len(frames._head) <= 14 + 125


@given(tree(st.sampled_from(["status", "reason", "message", "details", "causes"])) | BYTES)
def test_exit_status(status: Any) -> None:
    payload = status if isinstance(status, bytes) else json.dumps(status).encode()
    ended = exit_status(payload)
    assert ended.code is None or isinstance(ended.code, int)


@given(st.lists(UTF8, max_size=5))
def test_names_of_crash_dumps_stay_in_their_folder(paths: list[str]) -> None:
    names = bundle_names([f"/vol/{path}" for path in paths])
    assert len(set(names)) == len(names)
    for name in names:
        assert (SPOOL / "left" / name).resolve().parent == (SPOOL / "left").resolve()
        assert name.isprintable()
        assert len(name) < 200


@given(UTF8, UTF8)
def test_folders_of_dumps_are_not_options_of_find(option: str, variable: str) -> None:
    container = {
        "name": "app",
        "args": [f"-XX:HeapDumpPath={option}"],
        "env": [{"name": "X", "value": f"--diagnostic-dir={variable}"}, {"name": "ERL_CRASH_DUMP", "value": variable}],
    }
    pod = {"metadata": {}, "spec": {"containers": [container]}, "status": {}}
    assert all(folder.startswith("/") for folder in dump_folders(pod, "app"))
    assert not any("/" in name or not name.strip("*.") for name in dump_names(pod, "app"))
    assert not any(name.startswith("-") for name in NAMES)


def test_this_project_does_not_unpack_archives() -> None:
    """A tar of `files` is kept as bytes: no bomb in it, no name in it, no link in it is ever acted on."""
    root = Path(debugcapture.__file__).parent
    for file in root.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "unpack_archive" not in text
        if not any(name in text for name in ARCHIVES):
            continue
        imported = {
            name
            for node in ast.walk(ast.parse(text))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        if file.name == "pprof.py":
            # A profile of Go is one compressed stream, and is read up to a limit (test_pprof.py).
            imported -= {"zlib"}
        assert not imported & ARCHIVES


# --- what a job says -------------------------------------------------------------------------------------------


@given(st.sampled_from(list(PROVIDERS)), st.data())
def test_settings_of_every_step(provider: Any, data: st.DataObject) -> None:
    names = [setting.name for setting in declared(provider.settings)]
    values = data.draw(st.dictionaries(st.sampled_from(names), TEXT, max_size=3))
    with refused():
        step = read(provider.settings, values)
        for group in asdict(step).values():
            assert all("\0" not in str(value) for value in group.values())
            "".join(str(value) for value in group.values()).encode()


@given(st.lists(UTF8.map(lambda text: "/" + "".join(text.split())), min_size=1, max_size=3))
def test_paths_of_files_are_not_options_of_tar(paths: list[str]) -> None:
    for tool in (*files_collector(paths).in_image, *files_collector(paths).from_debug):
        assert not any(word.startswith(("-", "/")) for word in tool.run[5:])


@given(UTF8)
def test_words_of_a_command_arrive_as_they_are(word: str) -> None:
    url = websocket_url("https://a:1/k", "/api/v1", [("command", word), ("command", "x")])
    assert url.isascii()
    assert url.isprintable()
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [("command", word), ("command", "x")]


@given(TEXT, TEXT)
def test_environment_and_fields_of_a_debug_container(environment: str, spec: str) -> None:
    with refused():
        options = debug_options(DebugContainerSettings(environment=environment, debug_container_spec=spec), 60)
        assert not options.spec_overrides.keys() & {"securityContext", "image", "command"}


@given(TEXT)
def test_condition(text: str) -> None:
    condition = parse_condition(text)
    assert condition is None or parse_condition(str(condition)) == condition
    with refused():
        read(type("Step", (), {"__annotations__": {}}), {})  # without settings, there is nothing to reject
    assert CaptureSettings().when == ""


@given(
    st.integers(0, 10**9),
    st.sampled_from(["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Pi", "Ei", "e3"]),
)
def test_quantity_of_every_unit(number: int, unit: str) -> None:
    assert parse_quantity(f"{number}{unit}") >= 0


@given(TEXT)
def test_an_invalid_quantity_is_an_error(text: str) -> None:
    with refused():
        assert parse_quantity(text) >= 0


CONFIG = {
    "current-context": "a",
    "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": "eA=="}}],
    "users": [{"name": "u", "user": {"token": SECRET, "client-key-data": SECRET}}],
}


@given(changed(CONFIG).map(json.dumps) | TEXT.map(lambda text: f"clusters: {SECRET}{text}"))
def test_kubeconfig(text: str) -> None:
    with refused():
        connect(ConnectionSettings(kubeconfig_content=text), {})


ENTRY = read_yaml((FOLDER / "jvm.yaml").read_text())[0]


@given(changed([ENTRY]).map(json.dumps) | TEXT)
def test_catalog_of_collectors(text: str) -> None:
    with refused():
        for collector in load(saved("catalog.yaml", text)):
            assert ".." not in collector.file
            assert collector.title.isprintable()


@given(changed(read_yaml(CATALOG.read_text())[:2]).map(json.dumps) | TEXT)
def test_catalog_of_alert_senders(text: str) -> None:
    with refused():
        load_senders(saved("senders.yaml", text))


STORES = ("s3://", "s3://bucket/", "azblob://account/", "sftp://u@h/", "sftp://u@h:22/", "file:///", "")


@given(st.sampled_from(STORES), TEXT, TEXT)
def test_url_of_a_store(scheme: str, rest: str, base: str) -> None:
    values = {"store": f"{scheme}{rest}", "link_base": f"https://{base}", "sftp_jump": f"u@{base}"}
    for name in values:
        with refused():
            step = read(
                next(provider.settings for provider in PROVIDERS if provider.name == "k8s-debug-upload"),
                {name: values[name]},
            )
            if scheme in ("file:///", "sftp://u@h/", "sftp://u@h:22/", ""):
                open_store(step.store)


@given(UTF8)
def test_address_of_an_ssh_server(host: str) -> None:
    with refused():
        try:
            url = urlsplit(f"sftp://u@{host}/x")
        except ValueError:
            return  # the settings refuse it, see test_url_of_a_store
        read_address(url)


HOST_KEY = "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGCQmGCUVWFlmCGS9HLFs4iZ0PBBqtDRjBPq2Vq2sKRr"


@given(UTF8, st.integers(0, len(HOST_KEY)), UTF8)
def test_known_hosts_and_private_key(text: str, cut: int, key: str) -> None:
    host_keys = f"{HOST_KEY[:cut]}{text}\n{HOST_KEY}\n"
    with refused():
        read_login(SftpSettings(sftp_known_hosts=host_keys))
    with refused():
        read_login(SftpSettings(sftp_private_key=f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}{key}"))


# --- files in the spool ----------------------------------------------------------------------------------------

SAVED = json.loads(json.dumps({"status": "complete", **asdict(manifest(artifact()))}, default=str))
KEPT = json.loads(
    json.dumps(asdict(Receipt("s3://b", (Stored("a/b", "https://x", "https://x", None, 1, "ab"),))), default=str)
)


@given(changed(SAVED).map(json.dumps) | BYTES)
def test_manifest(content: str | bytes) -> None:
    bundle = Bundle(saved(f"20260102T120000Z-a/{MANIFEST}", content).parent)
    with refused():
        capture_manifest = bundle.manifest()
        assert isinstance(capture_manifest.key, str)
        for artifact in capture_manifest.artifacts:
            assert (bundle.folder / artifact.file).resolve().is_relative_to(bundle.folder.resolve())


@given(changed(KEPT).map(json.dumps) | BYTES)
def test_receipt_and_what_was_sent(content: str | bytes) -> None:
    bundle = Bundle(saved(f"20260102T120000Z-b/{RECEIPT}", content).parent)
    saved(f"20260102T120000Z-b/{SENT}", content)
    with refused():
        bundle.receipt()
    sent = bundle.sent()
    assert sent is None or isinstance(sent.store, str)


@given(TEXT)
def test_bundle_that_a_job_names(folder: str) -> None:
    with refused():
        assert open_bundle(folder, SPOOL).folder.parent == SPOOL.resolve()


@given(changed(asdict(Note("https://api", "Q1", "[m]", "text"))).map(json.dumps) | BYTES)
def test_note_that_waits(content: str | bytes) -> None:
    try:
        note = read_note(saved("notes/x.json", content))
    except ValueError:
        return  # it is reported and does not delay others: test_outbox.py
    assert (note.url + note.incident + note.marker + note.content).encode(errors="replace")


@pytest.mark.parametrize("name", [provider.name for provider in PROVIDERS])
def test_an_invalid_number_is_rejected_by_every_step(name: str) -> None:
    provider = next(provider for provider in PROVIDERS if provider.name == name)
    for setting in declared(provider.settings):
        if setting.kind == "number":
            with pytest.raises(BadInput, match=f"{setting.name} must be a number"):
                read(provider.settings, {setting.name: "²"})
