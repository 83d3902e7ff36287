"""A plan as text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from core.datasets.planning.plan import Plan

SHOWN = 20


def text(plan: Plan) -> str:
    """What was understood, a line a thing."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    decisions = plan.decisions
    yield f"{decisions.layout}: {decisions.why}"
    yield f"{plan.photos:,} photos, {plan.unlabelled:,} of them without a label"
    for item in plan.classes[:SHOWN]:
        yield f"  {item.photos:>8,}  {item.name}"
    if len(plan.classes) > SHOWN:
        yield f"  and {len(plan.classes) - SHOWN:,} classes more"
    for part, number in plan.splits.items():
        yield f"split {part}: {number:,}"
    if plan.kept:
        yield f"kept with each photo: {', '.join(plan.kept)}"
    for use in decisions.used:
        roles = ", ".join(f"{name} = {role}" for name, role in use.roles.items())
        yield f"table {use.path}: {roles}"
    yield from plan.notes
    for left in plan.left_out:
        yield f"left out: {left.files:,} x {left.reason}, {left.example} for one"
    if plan.error_count:
        yield f"{plan.error_count:,} rows can't be used:"
        yield from (f"  {error}" for error in plan.errors)
    for question in plan.questions:
        words = dict(question.options)
        yield f"to check: {question.text} {words.get(question.answer, question.answer)}"
