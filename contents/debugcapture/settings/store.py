"""The kinds of stores, and the settings that they share.

stores/registry.py has the class of each kind; docs/write-a-store.md says how to add one.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, NamedTuple

from .azure import AzureSettings
from .declare import DAY_S, G, Group, groups, setting
from .encryption import EncryptionSettings
from .s3 import S3Settings
from .sftp import SftpSettings
from .signing import SigningSettings


class Kind(NamedTuple):
    """One kind of store: the form of its URL for users, the pattern of that URL, and the group of its settings."""

    shown: str
    form: str
    settings: type[Group] | None = None


KINDS: Final = (
    Kind("s3://BUCKET/PREFIX", r"s3://[^\s/]+", S3Settings),
    Kind("azblob://ACCOUNT/CONTAINER/PREFIX", r"azblob://[a-z0-9]+/[^\s/]+", AzureSettings),
    Kind("sftp://USER@HOST:PORT/DIRECTORY", r"sftp://[^\s/@:]+@[^\s/@]+/", SftpSettings),
    Kind("file:///DIRECTORY", r"file:///"),
)
FORM: Final = rf"({'|'.join(kind.form for kind in KINDS)})\S*"
SHOWN: Final = " or ".join((", ".join(kind.shown for kind in KINDS[:-1]), KINDS[-1].shown))


@dataclass(frozen=True, kw_only=True)
class StoreSettings(Group):
    """Where the evidence goes, and the links to it; ``parts`` are the kinds of stores, encryption and signature."""

    title: ClassVar[str] = "Store"
    folded: ClassVar[bool] = True
    store: str = setting(
        "",
        "Store URL",
        f"{SHOWN}. Blank: the evidence stays in the spool.",
        pattern=FORM,
        allowed=SHOWN,
    )
    link: Literal["signed", "console", "server"] = setting(
        "signed",
        "Links",
        "signed: anyone who has the link can open it until it expires (S3 and Azure). console: opens the "
        "object in the AWS console, for users who are logged in there. server: goes through your evidence server "
        "and does not expire (docs/links.md).",
    )
    link_server: str = setting(
        "",
        "Evidence server URL",
        "Required if the links are of the kind server: URL of your evidence server, for example "
        "https://evidence.example.com.",
        pattern=r"https?://[^\s?#]+",
        allowed="an http:// or https:// URL",
    )
    link_base: str = setting(
        "",
        "Link base URL",
        "Base URL of your own authenticated proxy in front of the store: https://evidence.example.com/. "
        "Links are this URL plus the object key, and do not expire.",
        pattern=r"https?://[^\s?#]+",
        allowed="an http:// or https:// URL",
    )
    link_valid_s: int = setting(
        7 * DAY_S,
        "Link lifetime (s)",
        "Time for which a presigned link works. S3 allows 7 days at most.",
        least=60,
        most=7 * DAY_S,
    )
    parts: tuple[Group, ...] = groups(
        *(kind.settings for kind in KINDS if kind.settings), EncryptionSettings, SigningSettings
    )

    def of(self, kind: type[G]) -> G:
        """Return the settings of ``kind``."""
        return next(part for part in self.parts if isinstance(part, kind))
