"""Read values that another version may have written: a missing value, or one of an unexpected kind,
gets its default, and unknown values are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

_known: dict[type[Document], Mapping[str, Any]] = {}


class _Unfit(Exception):
    """A value is not of its field's kind."""


@dataclass(frozen=True)
class Document:
    """Part of a JSON document, with its names. Every field has a default."""

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        found: dict[str, object] = {}
        for name, kind in _kinds(cls).items():
            try:
                if name in values:
                    found[name] = _fitted(kind, values[name])
            except _Unfit:
                continue
        return cls(**found)


def _kinds(document: type[Document]) -> Mapping[str, Any]:
    """Return the kinds of the fields by name; cached, because lists of jobs are drawn every
    second."""
    if document not in _known:
        kinds = get_type_hints(document)
        _known[document] = {field.name: kinds[field.name] for field in fields(document)}
    return _known[document]


def _fitted(kind: Any, value: object) -> object:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _one_of(parts, value)
    if origin is tuple:
        return _tuple(parts[0], value)
    if isinstance(kind, type) and is_dataclass(kind):
        return _part(kind, value)
    if not _is(origin or kind, value):
        raise _Unfit
    return value


def _one_of(kinds: tuple[Any, ...], value: object) -> object:
    for kind in kinds:
        try:
            return _fitted(kind, value)
        except _Unfit:
            continue
    raise _Unfit


def _tuple(kind: Any, value: object) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise _Unfit
    return tuple(_fitted(kind, one) for one in value)


def _part(kind: Any, value: object) -> object:
    if not isinstance(value, Mapping):
        raise _Unfit
    return kind.from_json(value)


def _is(kind: type, value: object) -> bool:
    """Return whether a JSON value fits the type: a whole number is a number, and true is not."""
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)
