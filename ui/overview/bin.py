"""The list of what was deleted and can be restored."""

from __future__ import annotations

import time

import streamlit as st

from core.bin import deleted
from core.bin.deleted import Deleted
from core.io import files
from ui import messages, removal
from ui.notices import answers
from ui.shared import jobs_table
from ui.text import age, duration, plain

SHOWN = 20


def show() -> None:
    """Draw the list; nothing if it is empty."""
    found = deleted.listing()
    if not found:
        return
    size = files.human_bytes(sum(item.bytes for item in found))
    with st.expander(f"Deleted ({len(found)}, {size})", icon=":material/delete:"):
        st.caption("Deleted datasets and jobs are kept for 7 days, then removed from the disk.")
        for item in found[:SHOWN]:
            _line(item)


def _line(item: Deleted) -> None:
    noun = jobs_table.NOUNS.get(item.kind, item.kind)
    left = duration(max(0.0, item.expires - time.time()))
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"bin_{item.group}"
    ):
        st.markdown(f"**{plain(item.name)}**", width="content")
        facts = f"{noun}, {files.human_bytes(item.bytes)}, deleted {age(item.deleted)}, {left} left"
        st.caption(facts, width="content")
        st.space("stretch")
        if st.button("Restore", key=f"bin_restore_{item.group}", icon=":material/undo:"):
            with messages.report_errors():
                deleted.restore(item.group)
                answers.tell(f"Restored {item.name}")
                st.rerun()
        with st.popover("Delete for good", key=f"bin_remove_{item.group}"):
            name = plain(removal.shortened(item.name))
            st.caption("This frees the disk space. It can't be undone.")
            if st.button(f"Delete {name} for good", key=f"bin_go_{item.group}", type="primary"):
                deleted.remove(item.group)
                answers.tell(f"Deleted {item.name} for good")
                st.rerun()
