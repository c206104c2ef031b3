"""Reads manifests and receipts from JSON. Each value is checked, because a file may be damaged or foreign. Pure.

Unknown fields, written by a later version, are ignored.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

from ..manifest import Manifest, Receipt
from ..model import Target
from ..settings.declare import is_object_name

T = TypeVar("T")
_UNIONS: Final = (types.UnionType, typing.Union)


def manifest_from(saved: object) -> Manifest:
    """Return the manifest in ``saved``, parsed JSON. Raises ValueError with the name of the field that is wrong."""
    manifest: Manifest = _value(Manifest, saved, "manifest")
    for file in (manifest.capture_id, *(artifact.file for artifact in manifest.artifacts if artifact.file)):
        if not _is_inside(file):
            raise ValueError(f"{file!r} is not a valid file name in a bundle")
    return _with_valid_targets(manifest)


def _with_valid_targets(manifest: Manifest) -> Manifest:
    """Return ``manifest`` without targets whose names are not valid, so that they do not cost the evidence of others.

    A workload without a valid name is replaced by the pod: its name may be that of an owner which the pod's author made
    up. Raises ValueError if no target is valid.
    """
    targets = [_with_valid_workload(target) for target in manifest.targets]
    valid = [target for target in targets if is_object_name(target.namespace) and is_object_name(target.workload)]
    if not valid:
        raise ValueError(f"{manifest.target.namespace!r} is not a valid name of a namespace")
    return dataclasses.replace(manifest, target=valid[0], more_targets=tuple(valid[1:]))


def _with_valid_workload(target: Target) -> Target:
    return target if is_object_name(target.workload) else dataclasses.replace(target, workload=target.pod)


def receipt_from(saved: object) -> Receipt:
    """Return the receipt in ``saved``, parsed JSON. Raises ValueError with the name of the field that is wrong."""
    receipt: Receipt = _value(Receipt, saved, "receipt")
    return receipt


def value_from(kind: type[T], saved: object) -> T:
    """Return the dataclass ``kind`` in ``saved``, parsed JSON. Raises ValueError with the name of the wrong field."""
    value: T = _value(kind, saved, kind.__name__)
    return value


def _is_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return bool(file) and not path.is_absolute() and ".." not in path.parts and "\0" not in file


def _value(hint: Any, saved: Any, name: str) -> Any:
    """Return ``saved`` as the type ``hint``. ``name`` is its place in the file, for errors."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS:
        return None if saved is None else _value(arguments[0], saved, name)
    if origin is typing.Literal:
        return _if(saved in arguments, saved, name)
    if origin is tuple:
        items = _if(isinstance(saved, list), saved, name)
        return tuple(_value(arguments[0], item, f"{name}[{place}]") for place, item in enumerate(items))
    if origin is Mapping:
        mapping = _if(isinstance(saved, dict), saved, name)
        return {key: _value(arguments[1], item, f"{name}.{key}") for key, item in mapping.items()}
    if dataclasses.is_dataclass(hint):
        return _object(hint, _if(isinstance(saved, dict), saved, name), name)
    if hint is datetime:
        return _parse_datetime(_value(str, saved, name), name)
    if hint is float:
        return float(_if(type(saved) in (int, float), saved, name))
    return _if(type(saved) is hint, saved, name)


def _object(kind: Any, saved: Mapping[str, Any], name: str) -> Any:
    hints, values = typing.get_type_hints(kind), {}
    for field in dataclasses.fields(kind):
        if field.name in saved:
            values[field.name] = _value(hints[field.name], saved[field.name], f"{name}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{name} has no field {field.name}")
    return kind(**values)


def _parse_datetime(text: str, name: str) -> datetime:
    time = datetime.fromisoformat(text)
    return _if(time.tzinfo is not None, time, name)


def _if(right: bool, saved: T, name: str) -> T:  # noqa: FBT001 - it is the question
    if not right:
        raise ValueError(f"{name} has the wrong type")
    return saved
