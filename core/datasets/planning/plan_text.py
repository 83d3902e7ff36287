"""Format a plan as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from core.datasets.planning.plan import Plan

MOST_CLASSES = 20


def format_plan(plan: Plan) -> str:
    """Return the plan as lines of text."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    decisions = plan.decisions
    yield f"{decisions.layout}: {decisions.why}"
    yield f"{plan.photos:,} photos, {plan.unlabelled:,} of them unlabelled"
    for item in plan.classes[:MOST_CLASSES]:
        yield f"  {item.photos:>8,}  {item.name}"
    if len(plan.classes) > MOST_CLASSES:
        yield f"  and {len(plan.classes) - MOST_CLASSES:,} more classes"
    for part, number in plan.splits.items():
        yield f"split {part}: {number:,}"
    if plan.kept:
        yield f"extra columns: {', '.join(plan.kept)}"
    for use in decisions.used:
        roles = ", ".join(f"{name} = {role}" for name, role in use.roles.items())
        yield f"table {use.path}: {roles}"
    yield from plan.notes
    for left in plan.left_out:
        yield f"ignored: {left.files:,} x {left.reason}, such as {left.example}"
    if plan.error_count:
        yield f"{plan.error_count:,} rows can't be used:"
        yield from (f"  {error}" for error in plan.errors)
    for question in plan.questions:
        words = dict(question.options)
        yield f"to check: {question.text}: {words.get(question.answer, question.answer)}"
