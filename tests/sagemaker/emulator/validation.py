"""Checks a request as the service does: required members, types, lengths, ranges, patterns and enumerations of botocore's API model."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

from tests.sagemaker.emulator.errors import invalid


@functools.cache
def _service() -> Any:
    return get_session().get_service_model("sagemaker")


def check(operation: str, request: dict[str, Any]) -> None:
    """ApiError naming everything that the API model does not allow in this request."""
    shape = _service().operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    faults = (
        [report.generate_report()] if report.has_errors() else list(_faults(shape, request, ""))
    )
    if faults:
        raise invalid(
            f"{len(faults)} validation error{'s' * (len(faults) > 1)} detected: {'; '.join(faults)}"
        )


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Yield what botocore's own validator leaves to the server."""
    if isinstance(shape, StructureShape):
        for name, part in value.items():
            yield from _faults(shape.members[name], part, f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        yield from _too_many(shape, value, path)
        for index, part in enumerate(value, 1):
            yield from _faults(shape.member, part, f"{path}.{index}.member")
    elif shape.type_name == "map":
        yield from _too_many(shape, value, path)
        for key, part in value.items():
            yield from _faults(shape.key, key, f"{path}.key")
            yield from _faults(shape.value, part, f"{path}.{key}")
    elif shape.type_name == "string":
        yield from _text_faults(shape, value, path)
    elif "max" in shape.metadata and value > shape.metadata["max"]:
        yield _said(
            path, value, f"Member must have value less than or equal to {shape.metadata['max']}"
        )


def _too_many(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if len(value) > shape.metadata.get("max", len(value)):
        yield _said(
            path, "", f"Member must have length less than or equal to {shape.metadata['max']}"
        )


def _text_faults(shape: Shape, value: str, path: str) -> Iterator[str]:
    allowed, pattern = shape.metadata.get("enum"), _pattern(shape.metadata.get("pattern", ""))
    if allowed and value not in allowed:
        yield _said(path, value, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    if pattern and not pattern.fullmatch(value):
        yield _said(
            path,
            value,
            f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}",
        )
    if len(value) > shape.metadata.get("max", len(value)):
        yield _said(
            path, value, f"Member must have length less than or equal to {shape.metadata['max']}"
        )


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """Return the service's patterns are Java's; those with Unicode classes, which Python does not
    know, are left out."""
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error:
        return None


def _said(path: str, value: Any, constraint: str) -> str:
    return f"Value '{value}' at '{path[:1].lower() + path[1:]}' failed to satisfy constraint: {constraint}"
