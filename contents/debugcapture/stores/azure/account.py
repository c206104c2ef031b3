"""Who we are to a storage account, and the links that it lets us sign.

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

SILENCE_S = 60  # an answer that takes longer never comes
_SCOPE = "https://storage.azure.com/.default"
_IDENTITIES = ("WorkloadIdentityCredential", "ManagedIdentityCredential")  # what a server has, of all that are tried
_RETRIES = {"retry_total": 6, "initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1}  # waits 3 to 65 s


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account: with a key or a SAS token, else with the machine's own identity."""

    name: str
    endpoint: str
    key: str = ""
    sas: str = ""


def read_account(name: str, settings: AzureSettings) -> Account:
    """Return the account ``name`` as ``settings`` tell. Raises BadInput for a connection string of another account."""
    endpoint = settings.azure_endpoint.rstrip("/")
    if not settings.azure_connection_string:
        endpoint = endpoint or f"https://{name}.blob.core.windows.net"
        return Account(name, endpoint, settings.azure_key, settings.azure_sas.lstrip("?"))
    parts = dict(part.split("=", 1) for part in settings.azure_connection_string.split(";") if "=" in part)
    what, do = "cannot use azure_connection_string", "Copy it from the page “Access keys” of the account."
    if parts.get("AccountName", name) != name or not {"AccountKey", "SharedAccessSignature"} & parts.keys():
        why = (
            "it belongs to another account than the store URL, or contains neither AccountKey nor SharedAccessSignature"
        )
        raise BadInput(what, why, do)
    host = f"{name}.blob.{parts.get('EndpointSuffix', 'core.windows.net')}"
    told = parts.get("BlobEndpoint", "") or f"{parts.get('DefaultEndpointsProtocol', 'https')}://{host}"
    sas = parts.get("SharedAccessSignature", "").lstrip("?")
    return Account(name, endpoint or told.rstrip("/"), parts.get("AccountKey", ""), sas)


def open_service(account: Account) -> BlobServiceClient:
    """Return a client of ``account``. Raises BadInput for credentials of the wrong form."""
    retries = ExponentialRetry(**_RETRIES)
    try:
        return BlobServiceClient(
            account.endpoint, _credential(account), retry_policy=retries, connection_timeout=10, read_timeout=SILENCE_S
        )
    except ValueError as error:
        raise BadInput(
            f"cannot use the store azblob://{account.name}", str(error), "Check the settings of the store."
        ) from error


def identify(account: Account, service: BlobServiceClient, doing: str) -> None:
    """Get a token, where the machine's own identity is used. Raises NotStored that says what failed at ``doing``.

    Within a request the SDK would try to get one for two minutes, whatever the reason why there is none.
    """
    if account.key or account.sas:
        return
    try:
        service.credential.get_token(_SCOPE)
    except ClientAuthenticationError as error:
        attempts = [line.strip() for line in (error.message or "").splitlines()]
        why = " ".join(line for line in attempts if line.startswith(_IDENTITIES)) or str(error)
        do = "Set azure_key, azure_sas or azure_connection_string, or assign an identity to this machine."
        raise NotStored(doing, f"the identity of this machine cannot get a token: {why}", do) from error


def link(account: Account, service: BlobServiceClient, blob: BlobClient, valid_s: int) -> tuple[str, datetime | None]:
    """Return a link to ``blob`` that expires, or with a SAS token the bare URL: the token itself may write."""
    bare = blob.url.partition("?")[0]
    if account.sas and not account.key:
        return bare, None
    expires = datetime.now(timezone.utc) + timedelta(seconds=valid_s)
    return f"{bare}?{signed(account, service, blob, BlobSasPermissions(read=True), expires)}", expires


def signed(
    account: Account, service: BlobServiceClient, blob: BlobClient, permission: BlobSasPermissions, expires: datetime
) -> str:
    """Return the query of a SAS for ``blob``, signed with the account's key or the identity's own."""
    now = datetime.now(timezone.utc)
    signer: Any = None if account.key else service.get_user_delegation_key(now - timedelta(minutes=5), expires)
    token = generate_blob_sas(
        account.name,
        blob.container_name,
        blob.blob_name,
        account_key=account.key or None,
        user_delegation_key=signer,
        permission=permission,
        expiry=expires,
    )
    return quote(token, safe="=&%")


def _credential(account: Account) -> Any:
    if account.key:
        return {"account_name": account.name, "account_key": account.key}
    if account.sas:
        return account.sas
    from azure.identity import DefaultAzureCredential  # a third of a second that only this way needs

    return DefaultAzureCredential()
