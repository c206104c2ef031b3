"""Signs a manifest with an SSH key, and checks the signature.

The format is that of `ssh-keygen -Y sign`, so `ssh-keygen -Y verify` can check it without this program. A manifest
contains the checksum of each artifact, so its signature is one for all of them. Source: OpenSSH, PROTOCOL.sshsig.
"""

import base64
import binascii
import hashlib
import io
import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from ..errors import BadInput

if TYPE_CHECKING:
    from paramiko import Ed25519Key

NAMESPACE: Final = "debug-capture"
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASH: Final = "sha512"


class InvalidSignature(ValueError):
    """A signature that does not fit its content, or that cannot be read."""


def load_signing_key(text: str) -> "Ed25519Key":
    """Return the private key in ``text``, an Ed25519 key as ssh-keygen writes it. Raises BadInput."""
    from paramiko import Ed25519Key, PasswordRequiredException, SSHException

    remedy = "Use a key from: ssh-keygen -t ed25519 -N '' -f FILE."
    try:
        return Ed25519Key.from_private_key(io.StringIO(text.rstrip() + "\n"))
    except PasswordRequiredException as error:
        raise BadInput("cannot read sign_with", "the key has a passphrase", remedy) from error
    except (SSHException, ValueError, IndexError) as error:
        # The message does not quote the text, because it is a secret.
        raise BadInput("cannot read sign_with", "it is not an Ed25519 private key in OpenSSH format", remedy) from error


def public_key(key: "Ed25519Key") -> str:
    """Return the public key as a line of a .pub file, without a comment."""
    return f"{key.get_name()} {key.get_base64()}"


def sign(content: bytes, key: "Ed25519Key") -> str:
    """Return the signature of ``content`` as text."""
    from paramiko import Message

    blob = Message()
    blob.add_bytes(_MAGIC)
    blob.add_int(_VERSION)
    blob.add_string(key.asbytes())
    for part in (NAMESPACE, "", _HASH):
        blob.add_string(part)
    blob.add_string(key.sign_ssh_data(_signed_data(content, _HASH)).asbytes())
    lines = textwrap.wrap(base64.b64encode(blob.asbytes()).decode(), 70)
    return "\n".join([_BEGIN, *lines, _END, ""])


def signer_of(content: bytes, signature: str) -> str:
    """Return the public key that made ``signature`` of ``content``. Raises InvalidSignature."""
    from paramiko import Ed25519Key, Message, SSHException

    blob = Message(_decode(signature))
    try:
        is_known = blob.get_bytes(len(_MAGIC)) == _MAGIC and blob.get_int() == _VERSION
        key_data, namespace, _reserved = blob.get_string(), blob.get_string(), blob.get_string()
        algorithm, raw_signature = blob.get_string(), blob.get_string()
        is_known &= namespace == NAMESPACE.encode() and algorithm in (b"sha256", b"sha512")
        key = Ed25519Key(data=key_data)
        fits = is_known and key.verify_ssh_sig(_signed_data(content, algorithm.decode()), Message(raw_signature))
    except (SSHException, ValueError, IndexError) as error:
        raise InvalidSignature("it is damaged, or is not of an Ed25519 key") from error
    if not is_known:
        raise InvalidSignature(f"it is not a signature for {NAMESPACE}")
    if not fits:
        raise InvalidSignature("the manifest was changed after it was signed")
    return public_key(key)


def is_trusted(signer: str, public_keys: Collection[str]) -> bool:
    """Return whether ``public_keys``, lines of .pub files, contain the key ``signer``."""
    return signer.split()[:2] in [line.split()[:2] for line in public_keys]


def _signed_data(content: bytes, algorithm: str) -> bytes:
    from paramiko import Message

    data = Message()
    data.add_bytes(_MAGIC)
    for part in (NAMESPACE, "", algorithm):
        data.add_string(part)
    data.add_string(hashlib.new(algorithm, content).digest())
    return data.asbytes()


def _decode(signature: str) -> bytes:
    body = signature.strip()
    if not (body.startswith(_BEGIN) and body.endswith(_END)):
        raise InvalidSignature("it is not an SSH signature")
    try:
        return base64.b64decode("".join(body[len(_BEGIN) : -len(_END)].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSignature("it is damaged") from error
