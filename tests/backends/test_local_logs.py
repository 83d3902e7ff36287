"""Reading a job's log while it grows, whatever was written into it."""

from __future__ import annotations

import os
import time

from core import settings
from core.backends import LOCAL
from tests.backends.conftest import Toys
from tests.backends.watching import ended


def test_a_log_is_read_on_from_where_it_was_and_never_splits_a_character(toys: Toys) -> None:
    job = ended(LOCAL, toys.train("pass"))
    text = "höher, größer, 鳥\n" * 50
    job.folder.log.write_bytes(b"")
    shown, position = "", 0
    for byte in text.encode():
        with job.folder.log.open("ab") as file:
            file.write(bytes([byte]))
        chunk = LOCAL.log(job, position)
        shown, position = shown + chunk.text, chunk.next
    assert shown == text


def test_fault_36_a_log_of_a_gigabyte_is_shown_from_its_end(toys: Toys) -> None:
    job = ended(LOCAL, toys.train("pass"))
    with job.folder.log.open("wb") as file:
        file.truncate(2**30)
        file.seek(0, os.SEEK_END)
        file.write(b"\xff\xfe half a character \xe9\n50 %\r100 %\rdone\nhalf a li")
    start = time.process_time()
    chunk = LOCAL.log(job)
    assert time.process_time() - start < 1
    assert chunk.skipped
    assert len(chunk.text) <= settings.LOG_TAIL_BYTES
    assert chunk.text.endswith("\n50 %\n100 %\ndone\nhalf a li")
    assert LOCAL.log(job, chunk.next).text == ""


def test_a_log_that_is_not_there_is_empty(toys: Toys) -> None:
    job = ended(LOCAL, toys.train("pass"))
    job.folder.log.unlink()
    assert LOCAL.log(job).text == ""
