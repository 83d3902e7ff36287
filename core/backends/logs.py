"""Reading a run folder's log, whichever backend's job it is."""

from __future__ import annotations

import codecs

from core import settings
from core.backends.base import LogChunk
from core.jobs.store import Job


def log(job: Job, after: int = 0) -> LogChunk:
    """The log from byte `after`, at most LOG_TAIL_BYTES of its end; `skipped` says that something
    before was left out."""
    try:
        size = job.folder.log.stat().st_size
        start = max(after, size - settings.LOG_TAIL_BYTES)
        with job.folder.log.open("rb") as file:
            file.seek(start)
            text = file.read(settings.LOG_TAIL_BYTES)
    except FileNotFoundError:
        return LogChunk("", 0)
    # A character whose last bytes are not written yet is left for the next call.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    shown = decoder.decode(text).replace("\r", "\n")
    return LogChunk(shown, start + len(text) - len(decoder.getstate()[0]), skipped=start > after)
