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
        "URL of the account where it is not https://ACCOUNT.blob.core.windows.net: a sovereign cloud, or Azurite.",
        pattern=r"https?://\S+",
        allowed="an http:// or https:// URL",
    )
    azure_key: str = setting(
        "",
        "Azure account key",
        "Kept in Key Storage. Without key and SAS the machine's own identity is used (workload or managed identity).",
        secret=True,
    )
    azure_sas: str = setting("", "Azure SAS token", "For the container, kept in Key Storage.", secret=True)
    azure_connection_string: str = setting(
        "", "Azure connection string", "Kept in Key Storage; in place of key, SAS token and endpoint.", secret=True
    )
    azure_tier: Literal["default", "Hot", "Cool", "Cold"] = setting(
        "default", "Azure access tier", "The account's own, or another."
    )
    azure_tags: str = setting(
        "",
        "Azure blob index tags",
        "Of each blob: team=payments, purpose=debug; ten at most.",
        pattern=r"[\w+.:/ -]+=[\w+.:/= -]*(,[\w+.:/ -]+=[\w+.:/= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
    )
    azure_immutable_days: int = setting(
        0,
        "Azure immutability in days",
        "For so long a blob cannot be deleted or written over; the container has to allow it. 0 for none.",
        least=0,
        most=146_000,
    )
