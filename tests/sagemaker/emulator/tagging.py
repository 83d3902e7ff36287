"""Tags of everything that has an ARN."""

from __future__ import annotations

from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.world import Record, World, cut

MOST_TAGS = 50
RESERVED = "aws:"


def check(tags: list[dict[str, str]]) -> None:
    """ApiError for tags that nothing can have. AWS compares keys without regard to case."""
    keys = [tag["Key"] for tag in tags]
    if reserved := [key for key in keys if key.lower().startswith(RESERVED)]:
        raise invalid(
            f"aws: prefixed tag key names are not allowed for external use: {', '.join(reserved)}."
        )
    if len({key.lower() for key in keys}) < len(keys):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if len(keys) > MOST_TAGS:
        raise invalid(f"A resource can have {MOST_TAGS} tags at most.")


class Tagging:
    def __init__(self, world: World) -> None:
        self._world = world

    def add_tags(self, request: Record) -> Record:
        tags = self._of(request)
        new = {tag["Key"]: tag for tag in [*tags, *request["Tags"]]}
        if len(new) > MOST_TAGS:
            raise invalid(f"A resource can have {MOST_TAGS} tags at most.")
        tags[:] = new.values()
        return {"Tags": tags}

    def list_tags(self, request: Record) -> Record:
        rows, token = cut(self._of(request), request, default=MOST_TAGS)
        return {"Tags": rows, **token}

    def delete_tags(self, request: Record) -> None:
        tags = self._of(request)
        tags[:] = [tag for tag in tags if tag["Key"] not in request["TagKeys"]]

    def _of(self, request: Record) -> list[dict[str, str]]:
        try:
            return self._world.tags[request["ResourceArn"]]
        except KeyError:
            raise invalid(f"Could not find {request['ResourceArn']}.") from None
