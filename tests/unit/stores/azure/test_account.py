"""stores/azure/account.py: what a signed link allows, without a server."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from debugcapture.stores.azure.account import Account, create_link, open_service

ACCOUNT = Account("acct", "https://acct.blob.core.windows.net", key="aHVudGVyMg==")


def link_fields(name: str) -> dict[str, list[str]]:
    service = open_service(ACCOUNT)
    blob = service.get_blob_client("captures", f"shop/web/20260102T120000Z-web-1a2b/{name}")
    link, _ = create_link(ACCOUNT, service, blob, 60)
    return parse_qs(urlsplit(link).query)


def test_a_signed_link_makes_browsers_save_files_that_they_must_not_show() -> None:
    """rscd and rsct are the headers that the service sends for the link (Azure, "Create a service SAS")."""
    fields = link_fields("left/data_core.1.html")
    assert (fields["rsct"], fields["rscd"]) == (["application/octet-stream"], ["attachment"])
    for name in ("index.html", "pod.yaml"):
        assert not {"rsct", "rscd"} & link_fields(name).keys()
