"""Settings of stores in Azure Blob Storage."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class AzureSettings(Group):
    """Of azblob://, stores/azure/store.py."""

    title: ClassVar[str] = "Store: Azure"
    folded: ClassVar[bool] = True

    azure_endpoint: str = setting(
        "",
        "Azure blob endpoint",
        "URL of the account if it is not https://ACCOUNT.blob.core.windows.net, such as a sovereign cloud or Azurite.",
        pattern=r"https?://\S+",
        allowed="an http:// or https:// URL",
    )
    azure_key: str = setting(
        "",
        "Azure account key",
        "From Key Storage. Without a key and a SAS token, the identity of this machine is used (workload or "
        "managed identity).",
        secret=True,
    )
    azure_sas: str = setting("", "Azure SAS token", "SAS token for the container, from Key Storage.", secret=True)
    azure_connection_string: str = setting(
        "",
        "Azure connection string",
        "From Key Storage. Replaces the key, the SAS token and the endpoint.",
        secret=True,
    )
    azure_tier: Literal["default", "Hot", "Cool", "Cold"] = setting(
        "default", "Azure access tier", "Access tier of the blobs. default: the tier of the account."
    )
    azure_tags: str = setting(
        "",
        "Azure blob index tags",
        "Index tags of each blob: team=payments, purpose=debug. At most ten.",
        pattern=r"[\w+.:/ -]+=[\w+.:/= -]*(,[\w+.:/ -]+=[\w+.:/= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
    )
    azure_immutable_days: int = setting(
        0,
        "Azure immutability (days)",
        "Time in which a blob cannot be deleted or overwritten. The container must support version-level "
        "immutability. 0: none.",
        least=0,
        most=146_000,
    )
