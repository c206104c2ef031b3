"""The credentials for a storage account, and the links that they sign.

Source: azure-storage-blob and azure-identity documentation; Azure Storage, "Configure connection strings".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ExponentialRetry,
    generate_blob_sas,
)

from ...errors import BadInput, NotStored
from ...settings.azure import AzureSettings
from ..content_type import presentation_of

# The longest wait for a response.
SILENCE_S = 60
_SCOPE = "https://storage.azure.com/.default"
# Of the identities that the SDK tries, those that a server can have.
_IDENTITIES = ("WorkloadIdentityCredential", "ManagedIdentityCredential")
# Waits between 3 and 65 seconds.
_RETRIES = {"retry_total": 6, "initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1}


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account, with a key or a SAS token. Without both, the identity of this machine is used."""

    name: str
    endpoint: str
    key: str = ""
    sas: str = ""


def read_account(name: str, settings: AzureSettings) -> Account:
    """Return the account ``name`` from ``settings``. Raises BadInput for a connection string of another account."""
    endpoint = settings.azure_endpoint.rstrip("/")
    if not settings.azure_connection_string:
        endpoint = endpoint or f"https://{name}.blob.core.windows.net"
        return Account(name, endpoint, settings.azure_key, settings.azure_sas.lstrip("?"))
    parts = dict(part.split("=", 1) for part in settings.azure_connection_string.split(";") if "=" in part)
    action, remedy = "cannot use azure_connection_string", "Copy it from the page “Access keys” of the account."
    if parts.get("AccountName", name) != name or not {"AccountKey", "SharedAccessSignature"} & parts.keys():
        reason = (
            "it belongs to another account than the store URL, or contains neither AccountKey nor SharedAccessSignature"
        )
        raise BadInput(action, reason, remedy)
    host = f"{name}.blob.{parts.get('EndpointSuffix', 'core.windows.net')}"
    blob_endpoint = parts.get("BlobEndpoint", "") or f"{parts.get('DefaultEndpointsProtocol', 'https')}://{host}"
    sas = parts.get("SharedAccessSignature", "").lstrip("?")
    return Account(name, endpoint or blob_endpoint.rstrip("/"), parts.get("AccountKey", ""), sas)


def open_service(account: Account) -> BlobServiceClient:
    """Return a client of ``account``. Raises BadInput for credentials with an invalid format."""
    retries = ExponentialRetry(**_RETRIES)
    try:
        return BlobServiceClient(
            account.endpoint, _credential(account), retry_policy=retries, connection_timeout=10, read_timeout=SILENCE_S
        )
    except ValueError as error:
        raise BadInput(
            f"cannot use the store azblob://{account.name}", str(error), "Check the settings of the store."
        ) from error


def check_identity(account: Account, service: BlobServiceClient, action: str) -> None:
    """If the account uses the identity of this machine, get a token. Raises NotStored about ``action``.

    Within a request, the SDK would try for two minutes to get a token, whatever the reason for the failure.
    """
    if account.key or account.sas:
        return
    try:
        service.credential.get_token(_SCOPE)
    except ClientAuthenticationError as error:
        attempts = [line.strip() for line in (error.message or "").splitlines()]
        reason = " ".join(line for line in attempts if line.startswith(_IDENTITIES)) or str(error)
        remedy = "Set azure_key, azure_sas or azure_connection_string, or assign an identity to this machine."
        raise NotStored(action, f"the identity of this machine cannot get a token: {reason}", remedy) from error


def create_link(
    account: Account, service: BlobServiceClient, blob: BlobClient, valid_s: int
) -> tuple[str, datetime | None]:
    """Return a link to ``blob`` and the time when it expires.

    With a SAS token, return the URL without the token, because the token allows writing.
    """
    url = blob.url.partition("?")[0]
    if account.sas and not account.key:
        return url, None
    expires = datetime.now(timezone.utc) + timedelta(seconds=valid_s)
    return f"{url}?{create_sas(account, service, blob, BlobSasPermissions(read=True), expires)}", expires


def create_sas(
    account: Account, service: BlobServiceClient, blob: BlobClient, permission: BlobSasPermissions, expires: datetime
) -> str:
    """Return the query string of a SAS for ``blob``, signed with the account key or a key of the identity."""
    now = datetime.now(timezone.utc)
    delegation_key: Any = None if account.key else service.get_user_delegation_key(now - timedelta(minutes=5), expires)
    token = generate_blob_sas(
        account.name,
        blob.container_name,
        blob.blob_name,
        account_key=account.key or None,
        user_delegation_key=delegation_key,
        permission=permission,
        expiry=expires,
        # Without it, a link also works over HTTP, where anyone on the network can read it.
        protocol="https" if account.endpoint.startswith("https://") else None,
        **_link_headers(blob.blob_name, permission),
    )
    return quote(token, safe="=&%")


def _link_headers(name: str, permission: BlobSasPermissions) -> dict[str, str]:
    """Return the headers that a link to the blob ``name`` overrides, so that a browser saves what it must not show."""
    presentation = presentation_of(name)
    if not (permission.read and presentation.disposition):
        return {}
    return {"content_type": presentation.content_type, "content_disposition": presentation.disposition}


def _credential(account: Account) -> Any:
    if account.key:
        return {"account_name": account.name, "account_key": account.key}
    if account.sas:
        return account.sas
    # Imported here, because it takes a third of a second.
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
