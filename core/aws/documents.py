"""JSON documents in AWS's own format."""

from typing import Any

Json = dict[str, Any]
