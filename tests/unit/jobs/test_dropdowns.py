"""Jobs with dropdowns: Rundeck accepts them, and users can still type a name."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest

from debugcapture.listings.options import Kind
from debugcapture.listings.server import parse_query
from debugcapture.steps.providers import provider
from tests.unit.jobs.test_jobs import JOBS, each_job, options
from tools.dropdowns import PLUGIN, TOKEN, is_source, with_dropdowns
from tools.project_archive import Edition, job_xml, write_project_archive

SERVER = "https://options.example.com:8790"
each_source = pytest.mark.parametrize("source", [PLUGIN, SERVER])
KINDS: tuple[Kind, ...] = ("namespaces", "workloads", "pods", "containers")
FILLED = {"optionValuesPluginType", "valuesUrl", "configRemoteUrl"}


def filled(job: dict[str, Any], source: str) -> dict[str, dict[str, Any]]:
    """The options that get a dropdown, by name."""
    return {option["name"]: option for option in options(with_dropdowns(job, source)) if FILLED & set(option)}


@each_job
@each_source
def test_everything_but_the_dropdown_stays_as_it_is(job: dict[str, Any], source: str) -> None:
    changed = with_dropdowns(job, source)
    without = [{key: value for key, value in option.items() if key not in FILLED} for option in options(changed)]
    assert {**changed, "options": without} == {**job, "options": options(job)}
    assert [option for option in filled(job, source).values() if option.get("enforced") or "regex" not in option] == []


@each_job
def test_plugin_of_a_dropdown_is_in_this_bundle(job: dict[str, Any]) -> None:
    for option in filled(job, PLUGIN).values():
        assert provider(option["optionValuesPluginType"]).lists_values


@each_job
def test_url_of_a_dropdown_is_one_that_the_server_answers(job: dict[str, Any]) -> None:
    named = {option["name"] for option in options(job)}
    for dropdown in filled(job, SERVER).values():
        assert set(re.findall(r"\$\{option\.(\w+)\.value\}", dropdown["valuesUrl"])) <= named - {dropdown["name"]}
        parts = urlsplit(re.sub(r"\$\{option\.\w+\.value\}", "shop", dropdown["valuesUrl"]))
        kind = next(kind for kind in KINDS if parts.path == f"/{kind}")
        assert parse_query(kind, parts.query) == dict(parse_qsl(parts.query))
        assert parts.fragment == "timeout=8;retry=1"


def test_namespace_service_and_pod_get_a_dropdown() -> None:
    assert set(filled(JOBS["capture-service"], PLUGIN)) == {"namespace", "workload"}
    assert set(filled(JOBS["capture-pod"], PLUGIN)) == {"namespace", "pod"}
    assert {"namespace", "pod", "container"} == set(filled(JOBS["capture-pod"], SERVER))
    assert "container" not in filled(JOBS["thread-dump"], SERVER)  # it has no pod


def test_xml_has_the_dropdown_where_rundeck_reads_it() -> None:
    def option(source: str) -> ElementTree.Element:
        (job,) = ElementTree.fromstring(job_xml(with_dropdowns(JOBS["capture-service"], source)))
        option = job.find("context/options/option[@name='workload']")
        assert option is not None
        return option

    assert option(PLUGIN).findtext("optionValuesPluginType") == "k8s-debug-options-workloads"
    remote = option(SERVER)
    path = "/workloads?namespace=${option.namespace.value}#timeout=8;retry=1"
    assert remote.get("valuesUrl") == f"{SERVER}{path}"
    assert remote.get("enforcedvalues") is None
    assert remote.findtext("configRemoteUrl/authenticationType") == "BEARER_TOKEN"
    assert remote.findtext("configRemoteUrl/tokenStoragePath") == TOKEN


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("plugin", True),
        ("http://127.0.0.1:8790", True),
        ("https://options.example.com/k8s/", True),
        ("", False),
        ("plugins", False),
        ("ftp://a", False),
        ("https://", False),
        ("https://user:secret@a", False),
        ("https://a?b=c", False),
        ("https://a#b", False),
    ],
)
def test_source_is_the_plugin_or_a_url_without_secrets(text: str, whether: bool) -> None:
    assert is_source(text) is whether


def test_the_archive_has_dropdowns_only_if_they_are_configured(tmp_path: Path) -> None:
    def jobs_of(source: str) -> str:
        write_project_archive(tmp_path / "p.jar", Edition("shop", dropdowns=source))
        with zipfile.ZipFile(tmp_path / "p.jar") as archive:
            return "".join(archive.read(name).decode() for name in archive.namelist() if "/jobs/" in name)

    assert not any(key in jobs_of("") for key in FILLED)
    assert "<optionValuesPluginType>k8s-debug-options-namespaces<" in jobs_of(PLUGIN)
    remote = jobs_of(SERVER)
    assert "keys/project/shop/debug-capture/options-token" in remote
    assert "keys/project/PROJECT" not in remote
