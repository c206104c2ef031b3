"""The kinds of stores: each is a line here and a class, which docs/write-a-store.md tells how to write."""

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """One kind: how its URL is shown to people, what every such URL begins with, and the class (`MODULE:CLASS`).

    The class is called with the URL and the store's settings. It is imported when a store of its kind is opened, since
    boto3 alone takes a third of a second.
    """

    shown: str
    form: str
    store: str


KINDS: Final = (
    Kind("s3://BUCKET/PREFIX", r"s3://[^\s/]+", "debugcapture.stores.s3:S3Store"),
    Kind("azblob://ACCOUNT/CONTAINER/PREFIX", r"azblob://[a-z0-9]+/[^\s/]+", "debugcapture.stores.azure:AzureStore"),
    Kind("sftp://USER@HOST:PORT/DIRECTORY", r"sftp://[^\s/@:]+@[^\s/@]+/", "debugcapture.stores.sftp:SftpStore"),
    Kind("file:///DIRECTORY", r"file:///", "debugcapture.stores.file:FileStore"),
)
FORM: Final = rf"({'|'.join(kind.form for kind in KINDS)})\S*"
SHOWN: Final = " or ".join((", ".join(kind.shown for kind in KINDS[:-1]), KINDS[-1].shown))
