"""Choices among options: every option has a unique label, and the choice stays the same when labels
change.

Streamlit's widgets send back the label, not the option. If two options had one label, Streamlit
would take the last one, and a page would train on, serve or delete the wrong thing. So no page
calls those widgets itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from ui import links
from ui.option_labels import Label, labels
from ui.text import plain

T = TypeVar("T")
# Kept in the session beside a widget: the label of the choice, the label of a choice that is gone,
# and what the address named.
_DRAWN, _GONE, _ADDRESS = ".drawn", ".gone", ".address"


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
    """Draw a select box that always has a choice: at first `start` if it is an option, else the
    first option."""
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
    """Draw a select box that may have no choice (None)."""
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
    """Draw a select box for a dataset, model or version: the one that the address names, else
    `start`, else the first option.

    The address names it as `wanted`, or in the query parameter `parameter`, which is kept the same
    as the choice (with `always`, even for the first option). If the thing that is named or chosen
    is gone, a warning says so and the choice is None; it never falls back to another thing.
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
            f"There is no {what} {plain(lost)} any more. {words}.", icon=":material/warning:"
        )
    elif chosen is not None:
        st.session_state.pop(f"{key}{_GONE}", None)
    if parameter:
        unless = wanted or first
        if always:
            unless = wanted or None
        _name(key, parameter, chosen, unless=unless)
    return _drawn(key, named, chosen)


def _follow(key: str, named: Mapping[Any, str], wanted: str, first: Any) -> None:
    """Choose what the address names if the address has changed; otherwise keep the choice."""
    if key in st.session_state and st.session_state.get(f"{key}{_ADDRESS}", wanted) != wanted:
        st.session_state[key] = wanted or first
        if wanted and wanted not in named:
            st.session_state[key] = None


def _lost(key: str, named: dict[str, str], wanted: str) -> str:
    """Return what is named or was chosen and is gone, or ""."""
    if wanted and wanted not in named:
        return wanted
    return str(st.session_state.get(f"{key}{_GONE}", ""))


def _name(key: str, parameter: str, chosen: str | None, unless: str | None) -> None:
    """Write the choice into the address if it differs."""
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
    """Draw a multiselect."""
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
    """Draw a segmented control that always has a choice."""
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
    """Draw the views of a page; the query parameter `key` names the view.

    Another view starts fresh: of the other query parameters only those in `keep` stay.
    """
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
    """Draw a segmented control that may have no choice: a second click clears it."""
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
    parameter: str = "",
    on: Any = st,
    **more: Any,
) -> T:
    """Draw pills that always have a choice; the query parameter `parameter`, if any, names it."""
    named = labels(options, label)
    wanted = links.parameter(parameter)
    first = _first(options, named, start)
    if wanted in named:
        first = wanted
    if parameter:
        _follow(key, named, wanted, first)
    _keep(key, named)
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
    if parameter:
        _name(key, parameter, str(found), unless=wanted)
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
    """Draw pills that may have no choice: a second click clears it."""
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
    """Draw pills of which any number can be chosen."""
    named = labels(options, label)
    found: list[T] = on.pills(
        title, list(options), selection_mode="multi", format_func=_shown(named), key=key, **more
    )
    return found


def radio(
    title: str, options: Sequence[T], *, key: str, label: Label = str, on: Any = st, **more: Any
) -> T:
    """Draw radio buttons."""
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


def _shown(named: dict[T, str]) -> Label:
    return lambda option: named[option]


def _drawn(key: str, named: dict[T, str], chosen: Any) -> Any:
    """Remember the label of the choice."""
    if chosen is not None:
        st.session_state[f"{key}{_DRAWN}"] = named[chosen]
    return chosen


def _keep(key: str, named: dict[T, str]) -> None:
    """Keep the choice if its label changed: the browser would send the old label, which may belong
    to another option."""
    meant = st.session_state.get(key)
    if meant in named and st.session_state.get(f"{key}{_DRAWN}", named[meant]) != named[meant]:
        st.session_state[key] = meant


def _settle(key: str, named: dict[str, str]) -> None:
    """Keep the choice as `_keep` does; clear it if the thing is gone. The rerun cancels a click on
    a button that acts on it."""
    meant = st.session_state.get(key)
    if meant is not None and meant not in named and st.session_state.get(f"{key}{_DRAWN}"):
        st.session_state[f"{key}{_GONE}"] = str(st.session_state.pop(f"{key}{_DRAWN}"))
        st.session_state[key] = None
        st.rerun()
    _keep(key, named)
