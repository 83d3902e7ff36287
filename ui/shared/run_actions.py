"""What is done with the selected rows of a table of jobs or models: tag them, delete them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.bin import entries as bin_folder
from core.errors import FieldmarkError
from core.jobs import labels
from core.jobs import store as jobs
from core.jobs.store import Job
from ui import messages, option_labels, removal
from ui.notices import answers
from ui.shared import runs_table
from ui.text import count, plain

NAMES_SHOWN = 12


def tag(chosen: Sequence[Job], *, key: str) -> None:
    """Draw the button that gives every chosen job one tag, or takes it away."""
    with st.popover(
        "Tag",
        icon=":material/sell:",
        key=f"{key}_selected_tag",
        disabled=not chosen,
        width="content",
    ):
        name = st.text_input(
            "Tag", key=f"{key}_selected_tag_name", placeholder="baseline", max_chars=60
        )
        left, right = st.columns(2)
        add = left.button(
            "Add", key=f"{key}_selected_tag_add", icon=":material/add:", width="stretch"
        )
        remove = right.button(
            "Remove", key=f"{key}_selected_tag_remove", icon=":material/remove:", width="stretch"
        )
    wanted = name.strip().strip(",")
    if wanted and (add or remove):
        with messages.report_errors():
            for job in chosen:
                labels.set_tag(job.id, wanted, add)
            verb = "Added" if add else "Removed"
            answers.tell(f"{verb} the tag {wanted}", icon=":material/sell:")
            st.rerun(scope="app")


def delete(
    chosen: Sequence[Job],
    noun: str,
    *,
    key: str,
    facts: str = "",
    remove: Callable[[str, str], object] = jobs.move_to_bin,
) -> None:
    """Draw the button that deletes every chosen job, after a tick beside their names.

    `remove` moves a job, by its id, into the bin as part of a group.
    """
    with st.popover(
        "Delete",
        icon=":material/delete:",
        key=f"{key}_selected_delete",
        disabled=not chosen,
        width="content",
    ):
        running = [job for job in chosen if not job.state.is_finished]
        for line in _names(chosen):
            st.markdown(line)
        if running:
            st.caption(f"{count(len(running), noun)} still running: stop first, then delete.")
        # The tick belongs to these jobs: another selection needs another tick.
        ids = hash(tuple(job.id for job in chosen))
        sure = st.checkbox(
            f"Delete {count(len(chosen), noun)}{facts}",
            key=f"{key}_selected_delete_sure_{ids:x}",
            disabled=bool(running),
        )
        pressed = st.button(
            f"Delete {count(len(chosen), noun)}",
            key=f"{key}_selected_delete_go_{ids:x}",
            icon=":material/delete:",
            type="primary",
            disabled=not sure or bool(running),
        )
    if pressed and sure:
        _delete_all(chosen, noun, key, remove)


def _delete_all(
    chosen: Sequence[Job], noun: str, key: str, remove: Callable[[str, str], object]
) -> None:
    gone, group = 0, bin_folder.new_group()
    for job in chosen:
        try:
            remove(job.id, group)
            gone += 1
        except FieldmarkError as error:
            answers.tell(f"{job.name}: {error}", icon=answers.FAILED)
    runs_table.clear_selection(key)
    if gone:
        removal.tell(count(gone, noun), group)
    st.rerun(scope="app")


def _names(chosen: Sequence[Job]) -> list[str]:
    by_id = {job.id: job for job in chosen}
    names = option_labels.labels(list(by_id), lambda job_id: by_id[job_id].name)
    lines = [f"- {plain(name)}" for name in list(names.values())[:NAMES_SHOWN]]
    if len(names) > NAMES_SHOWN:
        lines.append(f"- and {len(names) - NAMES_SHOWN} more")
    return lines
