"""Why an image cannot be pulled, by the words that registries and container runtimes use."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PullCause:
    """A cause, in words, with what to do."""

    words: tuple[str, ...]
    """One of them is in the message, in lower case."""
    cause: str
    advice: str


# The order matters: "pull access denied … repository does not exist" is about authorization, and a failed lookup of a
# registry contains the word "lookup" as well as a time-out. Source: OCI Distribution Specification, "Error Codes";
# messages of containerd, CRI-O and Docker.
_CAUSES: Final = (
    PullCause(
        ("toomanyrequests", "rate limit", "429 too many"),
        "the pull rate limit of the registry is reached",
        "Wait, pull with an account (imagePullSecrets), or use a mirror.",
    ),
    PullCause(
        ("no such host", "server misbehaving", "temporary failure in name resolution", "name or service not known"),
        "the name of the registry is not found in DNS",
        "Check the name of the registry in the image, and DNS on the node.",
    ),
    PullCause(
        ("x509", "certificate", "tls: "),
        "the TLS certificate of the registry is not accepted",
        "Check the certificate of the registry, and the authorities that the node trusts.",
    ),
    PullCause(
        ("server gave http response to https client",),
        "the registry speaks HTTP and the node expects HTTPS",
        "Configure the registry as insecure in the container runtime, or enable TLS.",
    ),
    PullCause(
        ("no match for platform", "no matching manifest", "no image found in manifest list", "exec format"),
        "the image does not exist for the platform of the node",
        "Build the image for the platform, or select other nodes by kubernetes.io/arch.",
    ),
    PullCause(
        ("no space left on device",),
        "the disk of the node is full",
        "Free space on the node: images, logs and emptyDir volumes.",
    ),
    PullCause(
        ("pull access denied", "insufficient_scope", "repository does not exist or may require"),
        "not authorized: the repository does not exist or is private",
        "Check the name of the repository, and imagePullSecrets.",
    ),
    PullCause(
        ("unauthorized", "authentication required", "no basic auth", "401", "incorrect username or password"),
        "the registry requires authentication",
        "Check imagePullSecrets, and whether their credentials have expired.",
    ),
    PullCause(
        ("denied", "forbidden", "403"),
        "the registry denies access: no permission, or the image does not exist",
        "Check the name of the image, and the permissions of the account in imagePullSecrets.",
    ),
    PullCause(
        ("manifest unknown", "name unknown", "not found", "manifest_unknown", "notfound"),
        "the image or its tag does not exist",
        "Check the name and the tag of the image.",
    ),
    PullCause(
        ("invalid reference format", "invalidimagename", "couldn't parse image", "must be lowercase"),
        "the name of the image is not valid",
        "Correct the name of the image in the spec.",
    ),
    PullCause(
        ("pull policy of never", "errimageneverpull"),
        "the image is not on the node, and imagePullPolicy is Never",
        "Load the image onto the node, or change imagePullPolicy.",
    ),
    PullCause(
        ("connection refused",),
        "the registry refuses the connection",
        "Check the address and the port of the registry, and whether it runs.",
    ),
    PullCause(
        ("i/o timeout", "deadline exceeded", "handshake timeout", "timed out", "timeout exceeded", "no route to host"),
        "the registry does not answer in time",
        "Check the network between the node and the registry: routes, proxies, firewalls.",
    ),
    PullCause(
        ("connection reset", "unexpected eof", "broken pipe", "use of closed network connection"),
        "the connection to the registry broke",
        "Check the network between the node and the registry.",
    ),
    PullCause(
        ("500 internal", "502 bad gateway", "503 service", "504 gateway", "unexpected status code 5"),
        "the registry fails",
        "Check the state of the registry.",
    ),
    PullCause(
        ("signature", "policy does not allow", "source image rejected"),
        "the signature policy of the node rejects the image",
        "Check the signature of the image and the policy.",
    ),
)


def pull_cause(message: str) -> PullCause | None:
    """Return why a pull failed with ``message``; None if the message does not show it."""
    lower = message.lower()
    return next((cause for cause in _CAUSES if any(word in lower for word in cause.words)), None)
