"""Settings of stores reached by SFTP."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class SftpSettings(Group):
    """Of sftp://, stores/sftp/store.py."""

    title: ClassVar[str] = "Store: SFTP"
    folded: ClassVar[bool] = True

    sftp_password: str = setting("", "SFTP password", "From Key Storage.", secret=True)
    sftp_private_key: str = setting(
        "", "SFTP private key", "From Key Storage. Without a key and a password, the SSH agent is used.", secret=True
    )
    sftp_passphrase: str = setting("", "Passphrase of the SFTP key", "From Key Storage.", secret=True)
    sftp_known_hosts: str = setting(
        "",
        "SFTP known hosts",
        "Lines in the format of known_hosts, from Key Storage. Blank: ~/.ssh/known_hosts of Rundeck's user.",
        secret=True,
    )
    sftp_jump: str = setting(
        "",
        "SFTP jump host",
        "USER@HOST:PORT of a jump host. It must accept the same key or password.",
        pattern=r"[^\s/@:]+@[^\s/@]+",
        allowed="USER@HOST or USER@HOST:PORT",
    )
    sftp_file_mode: str = setting(
        "640",
        "SFTP file mode",
        "Octal permissions of files. 'server': the default of the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits, such as 640, or server",
    )
    sftp_folder_mode: str = setting(
        "750",
        "SFTP folder mode",
        "Octal permissions of new directories. 'server': the default of the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits, such as 750, or server",
    )
