"""SFTP: Debian's OpenSSH server with its own configuration, host key and user key."""

from __future__ import annotations

import getpass
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from lab.daemon import HOST, Daemon
from lab.paths import part_dir
from lab.prerequisites import ensure_program
from lab.process import Process
from lab.progress import Progress

PORT = 10022
_PRIVILEGE_SEPARATION = Path("/run/sshd")

_CONFIG = """\
ListenAddress {host}:{port}
HostKey "{folder}/host-key"
AuthorizedKeysFile "{folder}/user-key.pub"
AuthenticationMethods publickey
PermitRootLogin prohibit-password
AllowUsers {user}
UsePAM no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
ForceCommand internal-sftp
DisableForwarding yes
PrintMotd no
"""


class SftpEndpoint(NamedTuple):
    """The data that an SFTP client needs."""

    host: str
    port: int
    user: str
    private_key_file: Path
    known_hosts_file: Path
    directory: str


def sftp_endpoint() -> SftpEndpoint:
    """Return the store that `python -m lab up sftp` starts."""
    folder = part_dir("sftp")
    return SftpEndpoint(
        host=HOST,
        port=PORT,
        user=getpass.getuser(),
        private_key_file=folder / "user-key",
        known_hosts_file=folder / "known-hosts",
        directory=str(folder / "data" / "debug-captures"),
    )


class SftpStore(Daemon):
    """An sshd that only allows SFTP, and only for the user who started it."""

    name = "sftp"
    port = PORT

    def process(self, progress: Progress) -> Process:
        """Return OpenSSH with its keys and its configuration."""
        sshd = ensure_program("sshd", "openssh-server")
        self._make_keys()
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)  # missing if no service manager has created it
        config = self.folder / "sshd.conf"
        config.write_text(_CONFIG.format(host=HOST, port=PORT, folder=self.folder, user=getpass.getuser()))
        return Process(self.name, self.name, [str(sshd), "-D", "-e", "-f", str(config)])

    def fill(self) -> None:
        """Create the directory of uploads."""
        Path(sftp_endpoint().directory).mkdir(parents=True, exist_ok=True)

    def _make_keys(self) -> None:
        for name in ("host-key", "user-key"):
            if not (self.folder / name).exists():
                _generate(self.folder / name)
        host_key = " ".join((self.folder / "host-key.pub").read_text().split()[:2])
        (self.folder / "known-hosts").write_text(f"[{HOST}]:{PORT} {host_key}\n")


def _generate(file: Path) -> None:
    keygen = ensure_program("ssh-keygen", "openssh-client")
    argv = [str(keygen), "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(file)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


SFTP = SftpStore()
