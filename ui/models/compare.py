"""Two models compared on the same photos: where each is right, whether the difference is
statistically significant, and the photos of each count."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import NotFound
from core.evaluation.comparison import Comparison, Group, compare
from core.evaluation.predictions import Predictions, Rows
from core.models import store as models
from core.models.store import Model
from ui import choices, links
from ui.models import list as model_list
from ui.predictions.photo_wall import predictions_of, wall
from ui.text import count, percent, plain, share

PARAMETER = "with"
# The 2 x 2 table: rows by whether the first model is right, columns by whether the second is.
TABLE: tuple[tuple[Group, Group], tuple[Group, Group]] = (("both", "only_a"), ("only_b", "neither"))
TITLES: dict[Group, str] = {
    "both": "both right",
    "only_a": "only {a} right",
    "only_b": "only {b} right",
    "neither": "both wrong",
}


def show(model: Model, part: Predictions, split: str) -> None:
    """Draw the comparison of `part`, the model's predictions on `split`, with another model, which
    is chosen here and named in the address."""
    other = _choose(model)
    if other is None:
        return
    try:
        theirs = predictions_of(other).of_split(split)
    except NotFound as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return
    compared = compare(part, theirs)
    if not len(compared):
        st.info(
            f"The two models have no labelled {split} photo in common.",
            icon=":material/info:",
        )
        return
    a, b = _titles(model, other)
    _verdict(compared, a, b, split)
    for warning in _warnings(compared, a, b, split):
        st.caption(f":material/warning: {warning}")
    group = _table(compared, a, b)
    _photos(model, compared, group, (a, b))


def other_predictions(model: Model) -> list[tuple[str, Predictions]]:
    """Return the name and predictions of the other model in the address, to show both beside a
    photo; empty without one."""
    other_id = links.parameter(PARAMETER)
    if not other_id or other_id == model.id:
        return []
    try:
        other = models.read(other_id)
        return [(_titles(model, other)[1], predictions_of(other))]
    except NotFound:
        return []


def _choose(model: Model) -> Model | None:
    others = {other.id: other for other in models.listing() if other.id != model.id}
    if not others:
        st.info(
            "This is the only model. Train another one to compare the two here.",
            icon=":material/compare_arrows:",
        )
        return None
    # Models of the same dataset first: they share photos.
    ids = sorted(others, key=lambda other_id: others[other_id].dataset_id != model.dataset_id)
    chosen = choices.thing(
        "Compare with",
        ids,
        what="model",
        label=lambda other_id: model_list.in_a_line(others[other_id]),
        key=f"mo_with_{model.id}",
        parameter=PARAMETER,
    )
    if chosen is None:
        return None
    links.set_parameters(**{PARAMETER: chosen})
    return others[chosen]


def _titles(model: Model, other: Model) -> tuple[str, str]:
    if model.name != other.name:
        return model.name, other.name
    return f"{model.name} (this model)", f"{other.name} ({other.id[-6:]})"


def _verdict(compared: Comparison, a: str, b: str, split: str) -> None:
    n, counts = len(compared), compared.counts
    low, high = compared.interval_95
    right = {a: counts["both"] + counts["only_a"], b: counts["both"] + counts["only_b"]}
    with st.grid(4, min_column_width=180, gap="small"):
        for title, correct in right.items():
            about = f"Top-1 on {split}: {share(correct, n)}"
            st.metric(plain(title), f"{correct / n:.3f}", border=True, help=about)
        about = f"{plain(a)} minus {plain(b)}, in points of top-1 on {n} photos."
        st.metric("Difference", f"{100 * compared.difference:+.1f} points", border=True, help=about)
        st.metric("McNemar's exact p", _p_value(compared.p_value), border=True, help=_WHAT_P_SAYS)
    interval = f"95 % Bonett-Price interval {100 * low:+.1f} to {100 * high:+.1f}"
    st.caption(
        f"Top-1 on {split}: {plain(a)} {share(right[a], n)}, {plain(b)} {share(right[b], n)}. The "
        f"difference is {100 * compared.difference:+.1f} points ({interval}). "
        f"{_conclusion(compared)}"
    )


_WHAT_P_SAYS = (
    "The probability of a difference at least this large between two equally good models, "
    "from the photos that only one of them gets right (McNemar's exact test)."
)


def _p_value(value: float) -> str:
    if value >= 0.001:
        return f"{value:.3f}"
    return "< 0.001"


def _p_words(value: float) -> str:
    if value >= 0.001:
        return f"= {value:.3f}"
    return "< 0.001"


def _conclusion(compared: Comparison) -> str:
    single = compared.counts["only_a"] + compared.counts["only_b"]
    if not single:
        return "Both are right and wrong on the same photos."
    if compared.p_value < 0.05:
        return f"Unlikely to be chance (p {_p_words(compared.p_value)})."
    return (
        f"Not statistically significant (p {_p_words(compared.p_value)}): the models differ on "
        f"only {count(single, 'photo')}."
    )


def _warnings(compared: Comparison, a: str, b: str, split: str) -> Iterator[str]:
    if compared.other_split:
        yield (
            f"{count(compared.other_split, 'photo')} of these are in different splits for the two "
            "models: one model may have been trained on test photos of the other."
        )
    for missing, title in ((compared.missing_in_a, a), (compared.missing_in_b, b)):
        if missing:
            yield (
                f"Left out: {count(missing, f'{split} photo')} without a prediction of "
                f"{plain(title)}."
            )
    if compared.relabelled:
        yield (
            f"Left out: {count(compared.relabelled, 'photo')} whose label differs between the "
            "two models' datasets."
        )
    if compared.unlabelled:
        yield f"Left out: {count(compared.unlabelled, 'photo')} without a class both models know."


def _table(compared: Comparison, a: str, b: str) -> Group:
    """Draw the counts as a table of buttons; return the group in the address, whose photos are
    shown."""
    in_address = links.parameter("group")
    chosen: Group = next((group for row in TABLE for group in row if group == in_address), "only_a")
    head = st.columns([2, 3, 3], vertical_alignment="center")
    head[1].markdown(f"**{plain(b)}** right")
    head[2].markdown(f"**{plain(b)}** wrong")
    for right, row in zip((True, False), TABLE, strict=True):
        cells = st.columns([2, 3, 3], vertical_alignment="center")
        cells[0].markdown(f"**{plain(a)}** {'right' if right else 'wrong'}")
        for cell, group in zip(cells[1:], row, strict=True):
            if _cell(cell, compared.counts[group], group, group == chosen):
                links.set_parameters(group=group)
                st.rerun()
    return chosen


def _cell(place: DeltaGenerator, number: int, group: Group, chosen: bool) -> bool:
    words = f"Show {count(number, 'photo')}"
    return place.button(
        f"{number}",
        key=f"mo_group_{group}",
        type="primary" if chosen else "secondary",
        width="stretch",
        help=words,
    )


def _photos(model: Model, compared: Comparison, group: Group, titles: tuple[str, str]) -> None:
    a, b = (plain(title) for title in titles)
    rows = compared.rows(group)
    captions = {
        "both": f"Below each photo: the probability from {a} and from {b}.",
        "only_a": f"Below each photo: the prediction of {b}.",
        "only_b": f"Below each photo: the prediction of {a}.",
        "neither": f"Below each photo: the predictions of {a} and {b}.",
    }
    st.markdown(f"**{count(len(rows), 'photo')}, {TITLES[group].format(a=a, b=b)}**")
    if len(rows):
        st.caption(f"Largest disagreement first. {captions[group]}")
    answers = compared.table(group)[_ANSWERS]

    def details(places: Rows) -> list[str]:
        return [_detail(group, *answer) for answer in answers.iloc[places].itertuples(index=False)]

    tone = "wrong"
    if group == "both":
        tone = "right"
    wall(model, compared.a, rows, key=f"compare_{group}", details=details, tone=tone)


_ANSWERS = ["predicted_a", "probability_a", "predicted_b", "probability_b"]


def _detail(group: Group, name_a: str, share_a: float, name_b: str, share_b: float) -> str:
    if group == "both":
        return f"{percent(share_a)}, {percent(share_b)}"
    if group == "only_a":
        return f"{name_b} {percent(share_b)}"
    if group == "only_b":
        return f"{name_a} {percent(share_a)}"
    if name_a != name_b:
        return f"{name_a}, {name_b}"
    return f"{name_a} {percent(share_a)}, {percent(share_b)}"
