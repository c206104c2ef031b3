"""Decodes profiles of Go: gzip around a protocol buffer. Only the fields that a flame graph needs are read.

Source: https://github.com/google/pprof/blob/main/proto/profile.proto
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..evidence import DamagedEvidence, Evidence

_GZIP: Final = b"\x1f\x8b"
_MAX_BYTES: Final = 32 << 20  # of the decompressed profile
_MOST_SAMPLES: Final = 200_000
_MOST_FRAMES: Final = 500
# Field numbers of the messages.
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRINGS = 1, 2, 4, 5, 6

Place = tuple[str, str, int]
"""Function, file and line."""


@dataclass(slots=True)
class GoProfile:
    """Stacks with the last of their values, which is the one that `go tool pprof` shows."""

    type: str
    """Such as "cpu" or "inuse_space"."""
    unit: str
    """Such as "nanoseconds", "bytes" or "count"."""
    samples: list[tuple[tuple[Place, ...], int]]
    """Stacks, the innermost frame first, with their values."""


@dataclass(slots=True)
class _Message:
    """The fields of a message: numbers (also packed ones) and bytes, by field number."""

    numbers: dict[int, list[int]] = field(default_factory=dict)
    parts: dict[int, list[memoryview]] = field(default_factory=dict)

    def number(self, key: int) -> int:
        """Return the number of a field; 0 if it is missing, as the format says."""
        values = self.numbers.get(key)
        return values[-1] if values else 0

    def repeated(self, key: int) -> list[int]:
        """Return the numbers of a repeated field, packed or not."""
        return [*self.numbers.get(key, ()), *(number for part in self.parts.get(key, ()) for number in _unpack(part))]


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a profile: gzip, and its content begins with a type of samples."""
    with evidence.path.open("rb") as file:
        head = file.read(4096)
    if not head.startswith(_GZIP):
        return False
    try:
        content = zlib.decompressobj(wbits=31).decompress(head, 512)
    except zlib.error:
        return False
    if len(content) < 3:
        return False
    return content[0] == _SAMPLE_TYPE << 3 | 2 and 0 < content[1] < 16 and content[2] == 8


def parse(evidence: Evidence) -> GoProfile:
    """Return the profile. Raises DamagedEvidence if it is too large or damaged."""
    try:
        content = zlib.decompressobj(wbits=31).decompress(evidence.path.read_bytes()[:_MAX_BYTES], _MAX_BYTES)
    except zlib.error as error:
        raise DamagedEvidence(f"the profile cannot be decompressed: {error}") from error
    if len(content) == _MAX_BYTES:
        raise DamagedEvidence(f"the profile is larger than {_MAX_BYTES >> 20} MiB")
    message = _message(memoryview(content))
    strings = [bytes(part).decode(errors="replace") for part in message.parts.get(_STRINGS, ())]
    types = [_message(part) for part in message.parts.get(_SAMPLE_TYPE, ())]
    last = types[-1] if types else _Message()
    places = _places(message, strings)
    samples = list(_samples(message.parts.get(_SAMPLE, ())[:_MOST_SAMPLES], places))
    return GoProfile(_text(strings, last.number(1)), _text(strings, last.number(2)), samples)


def _places(message: _Message, strings: Sequence[str]) -> dict[int, list[Place]]:
    """Return the functions of each location, the innermost first: a location has several if they are inlined."""
    functions = {}
    for part in message.parts.get(_FUNCTION, ()):
        function = _message(part)
        functions[function.number(1)] = (_text(strings, function.number(2)), _text(strings, function.number(4)))
    places = {}
    for part in message.parts.get(_LOCATION, ()):
        location = _message(part)
        lines = [_message(line) for line in location.parts.get(4, ())]
        places[location.number(1)] = [(*functions.get(line.number(1), ("?", "")), line.number(2)) for line in lines]
    return places


def _samples(parts: Sequence[memoryview], places: dict[int, list[Place]]) -> Iterator[tuple[tuple[Place, ...], int]]:
    for part in parts:
        sample = _message(part)
        values = sample.repeated(2)
        stack = tuple(place for number in sample.repeated(1)[:_MOST_FRAMES] for place in places.get(number, ()))
        if values and stack:
            yield stack, values[-1]


def _text(strings: Sequence[str], index: int) -> str:
    return strings[index] if 0 <= index < len(strings) else ""


def _message(data: memoryview) -> _Message:
    """Return the fields of a message. Raises DamagedEvidence if it is damaged."""
    message, position = _Message(), 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            number, position = _varint(data, position)
            message.numbers.setdefault(key >> 3, []).append(number)
        elif kind == 2:  # noqa: PLR2004 - the wire types of protocol buffers: a number, bytes, and fixed sizes
            length, position = _varint(data, position)
            message.parts.setdefault(key >> 3, []).append(data[position : position + length])
            position += length
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise DamagedEvidence("the profile is damaged: a field has an unknown type")
    return message


def _unpack(data: memoryview) -> Iterator[int]:
    position = 0
    while position < len(data):
        number, position = _varint(data, position)
        yield number


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Return the number at ``position``, and the position after it. Raises DamagedEvidence if it is cut or too long."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says whether another byte follows
            return value, position
    raise DamagedEvidence("the profile is damaged: a number is cut")
