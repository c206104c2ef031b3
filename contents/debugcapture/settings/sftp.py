"""Settings of stores reached by SFTP."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class SftpSettings(Group):
    """Of sftp://, stores/sftp/store.py."""

    title: ClassVar[str] = "Store: SFTP"
    folded: ClassVar[bool] = True

    sftp_password: str = setting("", "SFTP password", "Kept in Key Storage.", secret=True)
    sftp_private_key: str = setting(
        "", "SFTP private key", "Kept in Key Storage; without key and password the SSH agent is asked.", secret=True
    )
    sftp_passphrase: str = setting("", "Passphrase of the SFTP key", "Kept in Key Storage.", secret=True)
    sftp_known_hosts: str = setting(
        "",
        "SFTP known hosts",
        "Lines as in known_hosts, kept in Key Storage. Blank: ~/.ssh/known_hosts of Rundeck's user.",
        secret=True,
    )
    sftp_jump: str = setting(
        "",
        "SFTP jump host",
        "USER@HOST:PORT of a host to go through; it takes the same key or password.",
        pattern=r"[^\s/@:]+@[^\s/@]+",
        allowed="USER@HOST or USER@HOST:PORT",
    )
    sftp_file_mode: str = setting(
        "640",
        "SFTP file mode",
        "Permissions of the files, in octal; 'server' leaves them to the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits as in 640, or server",
    )
    sftp_folder_mode: str = setting(
        "750",
        "SFTP folder mode",
        "Permissions of the folders that are made, in octal; 'server' leaves them to the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits as in 750, or server",
    )
