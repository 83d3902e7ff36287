"""Every choice among options: each option has a label of its own, and what was chosen stays
chosen while labels change around it.

Streamlit's widgets send the label back and not the option. Where two options have one label it
takes the last one, whichever was meant, so a page would train on, serve or delete another thing. No
page calls those widgets itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from ui import links
from ui.text import plain

T = TypeVar("T")
Label = Callable[[Any], str]
_ID_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})t(\d{2})(\d{2})\d{2}-")
_ID = re.compile(r"-[a-z0-9]{6}$")
SHORT_ID = 6
# What a session keeps beside a widget: the label its choice was drawn with, and that a chosen thing
# has gone, and what the address named.
_DRAWN, _GONE, _ADDRESS = ".drawn", ".gone", ".address"


def labels(options: Sequence[T], label: Label = str, hint: Label | None = None) -> dict[T, str]:
    """A label for each option, no two of them alike to an eye. `hint` says more about an option
    whose label another one has too.

    The empty option ("all", "nothing") keeps its own.
    """
    found = {option: label(option) for option in options}
    more: tuple[Label, ...] = (hint or short_id, short_id)
    for say in more:
        for option in _repeated(found):
            if words := say(option):
                found[option] = f"{found[option]} ({words})"
    while repeated := _repeated(found):
        for number, option in enumerate(repeated, 1):
            found[option] = f"{found[option]} ({number})"
    return found


def short_id(option: Any) -> str:
    """When a thing was made, where its id says so, and the end of the id; nothing for what has
    no id of ours."""
    text = str(option)
    if not _ID.search(text):
        return ""
    when = ""
    if made := _ID_TIME.search(text):
        when = "{}-{}-{} {}:{}, ".format(*made.groups())
    return f"{when}{text[-SHORT_ID:]}"


def one(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    label: Label = str,
    start: Any = None,
    on: Any = st,
    **more: Any,
) -> T:
    """A select box in which something is always chosen: `start`, where it is an option, else the
    first."""
    named = labels(options, label)
    _keep(key, named)
    index = _place(options, named, start) or 0
    return _drawn(
        key,
        named,
        on.selectbox(title, list(options), index=index, format_func=_shown(named), key=key, **more),
    )


def maybe(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    label: Label = str,
    start: Any = None,
    on: Any = st,
    **more: Any,
) -> T | None:
    """A select box in which nothing need be chosen."""
    named = labels(options, label)
    _keep(key, named)
    index = _place(options, named, start)
    return _drawn(
        key,
        named,
        on.selectbox(title, list(options), index=index, format_func=_shown(named), key=key, **more),
    )


def thing(
    title: str,
    options: Sequence[str],
    *,
    what: str,
    key: str,
    label: Label,
    hint: Label | None = None,
    wanted: str = "",
    start: str = "",
    parameter: str = "",
    always: bool = False,
    on: Any = st,
    **more: Any,
) -> str | None:
    """A dataset, a model, a version ... to work on: the one the address names, else `start`,
    else the first.

    The address names it as `wanted`; or in `parameter`, which then follows the choice, and the
    choice follows it (`always` has it name even the first). It is never another thing by accident:
    where the named one is not there, or what was chosen goes, that is said and nothing is chosen.
    """
    named = labels(options, label, hint)
    if parameter:
        wanted = links.parameter(parameter)
    first = next((option for option in (wanted, start, *options) if option in named), None)
    if parameter:
        _follow(key, named, wanted, first)
    _settle(key, named)
    lost = _lost(key, named, wanted)
    index = None
    if not lost:
        index = _place(options, named, first)
    words = f"Choose a {what}"
    chosen = on.selectbox(
        title,
        list(options),
        index=index,
        format_func=_shown(named),
        key=key,
        placeholder=words,
        **more,
    )
    if chosen is None and lost:
        on.warning(
            f"The {what} {plain(lost)} is not here any more. {words}.", icon=":material/warning:"
        )
    elif chosen is not None:
        st.session_state.pop(f"{key}{_GONE}", None)
    if parameter:
        unless = wanted or first
        if always:
            unless = wanted or None
        _name(key, parameter, chosen, unless=unless)
    return _drawn(key, named, chosen)


def _follow(key: str, named: dict[str, str], wanted: str, first: str | None) -> None:
    """Chooses what the address names, where somebody went to another address since; a choice
    made here stays otherwise."""
    if key in st.session_state and st.session_state.get(f"{key}{_ADDRESS}", wanted) != wanted:
        st.session_state[key] = wanted or first
        if wanted and wanted not in named:
            st.session_state[key] = None


def _lost(key: str, named: dict[str, str], wanted: str) -> str:
    """What should be chosen and is not there: what the address names, or what was chosen here."""
    if wanted and wanted not in named:
        return wanted
    return str(st.session_state.get(f"{key}{_GONE}", ""))


def _name(key: str, parameter: str, chosen: str | None, unless: str | None) -> None:
    """Names the choice in the address, where it is another than what that says."""
    if chosen is not None and chosen != unless:
        links.set_parameters(**{parameter: chosen})
    st.session_state[f"{key}{_ADDRESS}"] = links.parameter(parameter)


def many(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    label: Label = str,
    start: Sequence[Any] = (),
    on: Any = st,
    **more: Any,
) -> list[T]:
    """Several options."""
    named = labels(options, label)
    chosen = st.session_state.get(key)
    if chosen and any(
        named.get(option) != drawn
        for option, drawn in st.session_state.get(f"{key}{_DRAWN}", {}).items()
    ):
        st.session_state[key] = [option for option in chosen if option in named]
    default = [option for option in start if option in named]
    found: list[T] = on.multiselect(
        title, list(options), default=default, format_func=_shown(named), key=key, **more
    )
    st.session_state[f"{key}{_DRAWN}"] = {
        option: named[option] for option in found if option in named
    }
    return found


def segment(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    label: Label = str,
    start: Any = None,
    on: Any = st,
    **more: Any,
) -> T:
    """One of a few, side by side, one of which is always lit: a click on it does not put it out."""
    named = labels(options, label)
    _keep(key, named)
    first = _first(options, named, start)
    found = on.segmented_control(
        title,
        list(options),
        default=first,
        required=True,
        format_func=_shown(named),
        key=key,
        **more,
    )
    if found is None:
        found = first
    return _drawn(key, named, found)


def view(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    keep: Sequence[str],
    label: Label = str,
    **more: Any,
) -> T:
    """The view of a page, which the address names as `key`. Another view starts without what was
    chosen in the last one: only the parameters in `keep` stay in the address."""
    return segment(
        title,
        options,
        label=label,
        key=key,
        bind="query-params",
        on_change=links.keep_only,
        args=(*keep, key),
        **more,
    )


def segment_or_none(
    title: str, options: Sequence[T], *, key: str, label: Label = str, on: Any = st, **more: Any
) -> T | None:
    """One of a few or none: a second click takes the choice back."""
    named = labels(options, label)
    _keep(key, named)
    return _drawn(
        key,
        named,
        on.segmented_control(title, list(options), format_func=_shown(named), key=key, **more),
    )


def pill(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    label: Label = str,
    start: Any = None,
    on: Any = st,
    **more: Any,
) -> T:
    """As `segment`, for more of them."""
    named = labels(options, label)
    _keep(key, named)
    first = _first(options, named, start)
    found = on.pills(
        title,
        list(options),
        default=first,
        required=True,
        format_func=_shown(named),
        key=key,
        **more,
    )
    if found is None:
        found = first
    return _drawn(key, named, found)


def pill_or_none(
    title: str,
    options: Sequence[T],
    *,
    key: str,
    label: Label = str,
    start: Any = None,
    on: Any = st,
    **more: Any,
) -> T | None:
    """As `segment_or_none`, for more of them."""
    named = labels(options, label)
    _keep(key, named)
    first = None
    if start in named:
        first = start
    return _drawn(
        key,
        named,
        on.pills(title, list(options), default=first, format_func=_shown(named), key=key, **more),
    )


def pills(
    title: str, options: Sequence[T], *, key: str, label: Label = str, on: Any = st, **more: Any
) -> list[T]:
    """Any number of a few."""
    named = labels(options, label)
    found: list[T] = on.pills(
        title, list(options), selection_mode="multi", format_func=_shown(named), key=key, **more
    )
    return found


def radio(
    title: str, options: Sequence[T], *, key: str, label: Label = str, on: Any = st, **more: Any
) -> T:
    named = labels(options, label)
    _keep(key, named)
    return _drawn(
        key, named, on.radio(title, list(options), format_func=_shown(named), key=key, **more)
    )


def _place(options: Sequence[T], named: dict[T, str], start: Any) -> int | None:
    if start in named:
        return list(options).index(start)
    return None


def _first(options: Sequence[T], named: dict[T, str], start: Any) -> Any:
    if start in named:
        return start
    return options[0]


def _repeated(found: dict[T, str]) -> list[T]:
    """The options whose labels look like another's: blanks in a row are one to an eye."""
    seen = Counter(" ".join(text.split()) for text in found.values())
    return [
        option
        for option, text in found.items()
        if option != "" and seen[" ".join(text.split())] > 1
    ]


def _shown(named: dict[T, str]) -> Label:
    return lambda option: named[option]


def _drawn(key: str, named: dict[T, str], chosen: Any) -> Any:
    """Remembers under which label the choice was shown."""
    if chosen is not None:
        st.session_state[f"{key}{_DRAWN}"] = named[chosen]
    return chosen


def _keep(key: str, named: dict[T, str]) -> None:
    """The same choice under its new label: the browser would go on sending the old one, which
    may be another's by now."""
    meant = st.session_state.get(key)
    if meant in named and st.session_state.get(f"{key}{_DRAWN}", named[meant]) != named[meant]:
        st.session_state[key] = meant


def _settle(key: str, named: dict[str, str]) -> None:
    """As `_keep`; where what was chosen is gone, nothing is chosen, and a button that was
    pressed for it does nothing."""
    meant = st.session_state.get(key)
    if meant is not None and meant not in named and st.session_state.get(f"{key}{_DRAWN}"):
        st.session_state[f"{key}{_GONE}"] = str(st.session_state.pop(f"{key}{_DRAWN}"))
        st.session_state[key] = None
        st.rerun()
    _keep(key, named)
