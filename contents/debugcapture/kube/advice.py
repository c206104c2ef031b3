"""Advice for error messages of a cluster. Pure.

The message decides, not the HTTP status: policies and webhooks choose their own status, and an exec that the kubelet
rejects has none.
"""

_ADMISSION = "An admission rule of the cluster rejects this. Contact the administrators of the cluster."
_ADVICE = (
    ("PodSecurity", "Choose a lower security profile, or change the Pod Security level of the namespace."),
    ("exceeded quota", "Raise the quota of the namespace."),
    (
        "because it is being terminated",
        "The namespace is being deleted: only the evidence captured so far is available.",
    ),
    ("denied the request", _ADMISSION),
    ("denied request", _ADMISSION),
    (
        "failed calling webhook",
        "An admission webhook of the cluster does not respond. Contact the administrators of the cluster.",
    ),
    ("dial tcp", "The pod's node does not respond: only data from the API server can be captured."),
)


def advice(message: str) -> str:
    """Return what a user can do about ``message``; "" if there is no advice."""
    return next((remedy for words, remedy in _ADVICE if words in message), "")
