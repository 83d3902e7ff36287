"""The request to end a job: a file in its folder, which works before its process is up."""

from __future__ import annotations

from core.io import files
from core.jobs.run_folder import RunFolder


def ask_to_stop(folder: RunFolder, reason: str = "") -> None:
    """Leaves the request where the job's process looks for it, once: the first reason stands.
    Unwritable where that can't be."""
    with files.there(folder.path, "job"):
        try:
            with folder.stop_request.open("x") as request:
                request.write(reason)
        except FileExistsError:
            return
        except OSError as error:
            raise files.unwritable(error, folder.stop_request) or error from error
