"""streams.py: an abort closes the open streams and rejects new ones."""

from __future__ import annotations

import pytest

from debugcapture.errors import Aborted
from debugcapture.kube.streams import Streams


class Stream:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_an_abort_closes_open_streams() -> None:
    streams, open_stream, finished = Streams(), Stream(), Stream()
    streams.add(open_stream)
    streams.add(finished)
    streams.remove(finished)
    assert not streams.broken
    streams.break_all()
    assert (open_stream.closed, finished.closed, streams.broken) == (1, 0, True)


def test_after_an_abort_no_stream_is_accepted_and_removal_still_works() -> None:
    streams, stream = Streams(), Stream()
    streams.add(stream)
    streams.break_all()
    with pytest.raises(Aborted, match="no new command is started: the capture was aborted"):
        streams.add(Stream())
    streams.remove(stream)
    streams.remove(stream)
    streams.break_all()
    assert stream.closed == 1
