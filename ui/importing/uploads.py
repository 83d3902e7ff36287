"""What a browser uploads for an import, saved as an archive until the import's job reads it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

from core import settings
from core.io import files
from core.io.names import clean_name
from core.jobs import inbox


def save_archive(upload: Any, dataset_name: str) -> Path:
    """Save an uploaded archive and return its path.

    The file gets a name of Fieldmark's own; the browser's name is only displayed. Raises UserError
    if `dataset_name` is not valid or the disk is too small; then nothing is saved.
    """
    clean_name(dataset_name, "name")
    files.require_free_space(settings.uploads_dir(), 2 * upload.size, "This archive and its photos")
    path = inbox.new_archive()
    with files.atomic(path) as target:
        shutil.copyfileobj(upload, target)
    return path


def pack_folder(uploads: list[Any], dataset_name: str) -> Path:
    """Pack the files of a dropped folder into an archive and return its path.

    File names from a browser can't be trusted; as an archive they are checked like any other.
    Raises UserError as `save_archive` does.
    """
    clean_name(dataset_name, "name")
    files.require_free_space(
        settings.uploads_dir(), 2 * sum(upload.size for upload in uploads), "These photos"
    )
    path = inbox.new_archive()
    with files.atomic(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for upload in uploads:
            archive.writestr(zipfile.ZipInfo(upload.name), upload.getbuffer())
    return path
