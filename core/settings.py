"""Every path, limit, environment variable and default, named, in one place.

Paths are functions, so that a process that changes its environment (a test) sees the change at
once.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from core.errors import NotFound, Unwritable
from sm_scripts.fieldmark_ml.photos import suffixes, walk

PROJECT = Path(__file__).resolve().parent.parent
SM_SCRIPTS = PROJECT / "sm_scripts"

ENV_HOME = "FIELDMARK_HOME"
ENV_IMPORT_ROOTS = "FIELDMARK_IMPORT_ROOTS"
ENV_LOG = "FIELDMARK_LOG"
ENV_POLL_SECONDS = "FIELDMARK_POLL_SECONDS"
ENV_PREPARE = "FIELDMARK_PREPARE"
ENV_STREAM_FROM = "FIELDMARK_STREAM_FROM"

# What only its owner reads, writes and enters.
OWNER_ONLY = 0o700

# Images.
IMAGE_SUFFIXES = suffixes.PHOTOS
MAX_IMAGE_BYTES = 64 * 2**20
THUMBNAIL_SIDE = 240

# Archives: bounds that hold before a byte is written.
MAX_ARCHIVE_ENTRIES = 150_000
MAX_FOLDERS = 50_000
MAX_DEPTH = walk.MAX_DEPTH
MAX_ARCHIVE_BYTES = 50 * 2**30
MAX_ARCHIVE_RATIO = 200
ARCHIVE_RATIO_FROM = 64 * 2**20
MIN_FREE_BYTES = 2**30
MAX_UPLOAD_MB = 2048

# Names that a person types.
MAX_NAME_LENGTH = 80

# Datasets and splits.
SPLITS = ("train", "validation", "test", "unused")
DEFAULT_RATIOS = {"train": 0.7, "validation": 0.15, "test": 0.15}
DEFAULT_SEED = 7
MIN_CLASSES = 2

# Serving: the request limit is InvokeEndpoint's BodyBlob maximum.
MAX_INVOCATION_BYTES = 6_291_456
MAX_ENDPOINT_SECONDS = 30 * 86_400
TOP_K = 5

# What an endpoint keeps of the photos it was sent, and how hard it may be tried.
CAPTURE_PHOTOS = 2_000
CAPTURE_BYTES = 256 * 2**20
MAX_CAPTURE_PHOTOS = 20_000
MAX_LOAD_REQUESTS = 20_000
MAX_LOAD_CLIENTS = 64

# Jobs.
STOP_SECONDS = 30
# A job that was asked to stop and gives no sign of life for so long is killed.
STOP_SILENT_SECONDS = 3.5
# A job without a sign of life: from when on its page says so, when its script is ended (and started
# again, once), and when a worker that does the work itself is ended.
SILENT_SAID_SECONDS = 15.0
SILENT_SECONDS = 60.0
SILENT_WORKER_SECONDS = 180.0
MAX_FAILURE_CHARS = 1024
LOG_TAIL_BYTES = 256 * 1024

# How long deleted datasets and jobs can be restored.
BIN_SECONDS = 7 * 86_400

# How long what was looked into waits to be imported.
PLAN_SECONDS = 7 * 86_400

# What a platform may be asked for: SageMaker's own limits.
MAX_INSTANCES = 100
MAX_JOB_SECONDS = 5 * 86_400
POLL_SECONDS = 3.0
# From so many photos on copying each before a job starts takes longer than reading it when it is
# wanted.
STREAM_FROM = 50_000
SERVERLESS_MB = (1024, 2048, 3072, 4096, 5120, 6144)

# Tuning: a trial's weights take some 15 MB; its figures, which all trials keep, take next to
# nothing.
TUNING_MODELS_KEPT = 30

# Cached features.
MAX_FEATURE_CACHE_BYTES = 10 * 2**30


# Homes that this process has used.
_seen: set[Path] = set()


def home() -> Path:
    """Return the folder in which everything Fieldmark makes is kept; created on first use, for its
    owner alone.

    NotFound if it was there and is gone: a disk that is not mounted any more must not look like a
    Fieldmark without datasets.
    """
    path = Path(os.environ.get(ENV_HOME) or Path.home() / ".fieldmark").expanduser().absolute()
    if path in _seen:
        if not path.is_dir():
            raise NotFound(
                f"Fieldmark's folder {path} is gone. Bring it back (is its disk mounted?), or "
                "start Fieldmark again."
            )
        return path
    _make(path, parents=True)
    _close_to_others(path)
    _seen.add(path)
    return path


def _close_to_others(path: Path) -> None:
    """What the owner made before belongs to the owner alone, too. A folder with the setgid bit is
    one that a group shares on purpose: it stays as it is."""
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.getuid() and not mode & stat.S_ISGID and mode & ~OWNER_ONLY:
        with suppress(OSError):  # a disk that only reads, or that knows no rights
            path.chmod(mode & OWNER_ONLY)


def datasets_dir() -> Path:
    return _made(home() / "datasets")


def jobs_dir() -> Path:
    return _made(home() / "jobs")


def bin_dir() -> Path:
    return _made(home() / "bin")


def features_dir() -> Path:
    return _made(home() / "features")


def thumbnails_dir() -> Path:
    return _made(home() / "thumbnails")


def weights_dir() -> Path:
    return _made(home() / "weights")


def uploads_dir() -> Path:
    return _made(home() / "uploads")


def downloads_dir() -> Path:
    return _made(home() / "downloads")


def temporary_dir() -> Path:
    """Return what is being made, each file or folder held by the process that makes it; the rest is
    swept when an app starts."""
    return _made(home() / "tmp")


def import_roots() -> tuple[Path, ...]:
    """Return the folders that a person may import from: a page can name any server path, so the
    choice is bounded."""
    given = os.environ.get(ENV_IMPORT_ROOTS)
    if given:
        return tuple(Path(part).expanduser().resolve() for part in given.split(os.pathsep) if part)
    usual = [
        Path.home(),
        PROJECT.parent,
        Path("/mnt"),
        Path("/media"),
        Path("/data"),
        Path("/Volumes"),
    ]
    return tuple(p.resolve() for p in usual if p.is_dir() and p != Path("/"))


def prepares() -> bool:
    """Return whether an app that has just started converts the default networks, so that the first
    job need not; FIELDMARK_PREPARE=0 says no."""
    return os.environ.get(ENV_PREPARE, "1") != "0"


def poll_seconds() -> float:
    """Return how often a watcher asks its platform at most; it asks less often while nothing
    happens."""
    return float(os.environ.get(ENV_POLL_SECONDS) or POLL_SECONDS)


def stream_from() -> int:
    """From how many photos on a job on SageMaker reads them when it wants them and copies none
    before it starts."""
    return int(os.environ.get(ENV_STREAM_FROM) or STREAM_FROM)


def python() -> str:
    """Return the interpreter that runs workers and trainers: the one that runs the app."""
    return sys.executable


def _made(path: Path) -> Path:
    _make(path)
    return path


def _make(path: Path, *, parents: bool = False) -> None:
    try:
        path.mkdir(mode=OWNER_ONLY, parents=parents, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        words = (
            f"The folder {path} can't be made ({why}). Mend that, or name another folder in "
            f"{ENV_HOME}."
        )
        raise Unwritable(words, error.errno or 0, why) from error
