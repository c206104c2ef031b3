"""What to do about what a cluster says. Pure.

It goes by words of the message: a status alone is a guess (a policy answers 422, a webhook what it likes), and an exec
that is refused behind the API server has none.
"""

_ADMISSION = "An admission rule of the cluster says so: ask those who keep it."
_ADVICE = (
    ("PodSecurity", "Choose a lower security profile, or have the namespace's Pod Security level changed."),
    ("exceeded quota", "Have the namespace's quota raised."),
    ("because it is being terminated", "The namespace is being deleted: only what was captured before is left."),
    ("denied the request", _ADMISSION),
    ("denied request", _ADMISSION),
    ("failed calling webhook", "An admission webhook of the cluster does not answer: ask those who keep it."),
    ("dial tcp", "The pod's node does not answer: only what the API server knows can be captured."),
)


def advice(message: str) -> str:
    """Return what a user can do about ``message``, "" where that is not known."""
    return next((do for words, do in _ADVICE if words in message), "")
