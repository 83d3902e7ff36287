"""All paths, limits, environment variables and defaults.

Paths are functions, so that a change of the environment (in a test) takes effect at once.
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
# The name of the project's folder in an installed package.
INSTALLED = "_app"

ENV_HOME = "FIELDMARK_HOME"
ENV_IMPORT_ROOTS = "FIELDMARK_IMPORT_ROOTS"
ENV_LOG = "FIELDMARK_LOG"
ENV_POLL_SECONDS = "FIELDMARK_POLL_SECONDS"
ENV_PREPARE = "FIELDMARK_PREPARE"
ENV_STREAM_FROM = "FIELDMARK_STREAM_FROM"

# Access for the owner only.
OWNER_ONLY = 0o700

# Images.
IMAGE_SUFFIXES = suffixes.PHOTOS
MAX_IMAGE_BYTES = 64 * 2**20
THUMBNAIL_SIDE = 240

# Archives: limits that are checked before a byte is written.
MAX_ARCHIVE_ENTRIES = 150_000
MAX_FOLDERS = 50_000
MAX_DEPTH = walk.MAX_DEPTH
MAX_ARCHIVE_BYTES = 50 * 2**30
MAX_ARCHIVE_RATIO = 200
ARCHIVE_RATIO_FROM = 64 * 2**20
MIN_FREE_BYTES = 2**30
MAX_UPLOAD_MB = 2048

# Names that users type.
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

# Limits of captured requests and of load tests.
CAPTURE_PHOTOS = 2_000
CAPTURE_BYTES = 256 * 2**20
MAX_CAPTURE_PHOTOS = 20_000
MAX_LOAD_REQUESTS = 20_000
MAX_LOAD_CLIENTS = 64

# Jobs.
STOP_SECONDS = 30
# A job that was asked to stop and shows no activity for this long is killed.
STOP_SILENT_SECONDS = 3.5
# A job without activity: seconds until its page says so, until its script is ended (and restarted
# once), and until a worker that does the work itself is ended.
SILENT_SAID_SECONDS = 15.0
SILENT_SECONDS = 60.0
SILENT_WORKER_SECONDS = 180.0
MAX_FAILURE_CHARS = 1024
LOG_TAIL_BYTES = 256 * 1024

# How long deleted datasets and jobs can be restored.
BIN_SECONDS = 7 * 86_400

# How long a plan waits to be imported.
PLAN_SECONDS = 7 * 86_400

# Limits of SageMaker.
MAX_INSTANCES = 100
MAX_JOB_SECONDS = 5 * 86_400
POLL_SECONDS = 3.0
# From this many photos on, copying them before a job starts takes longer than reading each on
# demand.
STREAM_FROM = 50_000
SERVERLESS_MB = (1024, 2048, 3072, 4096, 5120, 6144)

# Tuning: the weights of a trial take about 15 MB; its metrics, which are kept for all trials, take
# almost nothing.
TUNING_MODELS_KEPT = 30

# Cached features.
MAX_FEATURE_CACHE_BYTES = 10 * 2**30


# Homes that this process has used.
_seen: set[Path] = set()


def home() -> Path:
    """Return Fieldmark's folder, created on first use with access for its owner only. Raises
    NotFound if it existed and is gone: an unmounted disk must not look like an empty Fieldmark."""
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
    """Remove the access of others from an existing folder. A folder with the setgid bit is shared
    with a group on purpose, so its mode is kept."""
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.getuid() and not mode & stat.S_ISGID and mode & ~OWNER_ONLY:
        with suppress(OSError):  # a read-only disk, or one without permissions
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
    """Return the folder of unfinished files, each locked by the process that writes it; unlocked
    ones are removed when an app starts."""
    return _made(home() / "tmp")


def import_roots() -> tuple[Path, ...]:
    """Return the folders that users may import from: a page accepts any server path, so they are
    limited."""
    given = os.environ.get(ENV_IMPORT_ROOTS)
    if given:
        return tuple(Path(part).expanduser().resolve() for part in given.split(os.pathsep) if part)
    usual = [
        Path.home(),
        *_beside_the_project(),
        Path("/mnt"),
        Path("/media"),
        Path("/data"),
        Path("/Volumes"),
    ]
    return tuple(p.resolve() for p in usual if p.is_dir() and p != Path("/"))


def _beside_the_project() -> list[Path]:
    """Return the folder that a checkout stands in; an installed Fieldmark stands among packages."""
    if PROJECT.name == INSTALLED:
        return []
    return [PROJECT.parent]


def prepares() -> bool:
    """Return whether the app converts the default networks after its start, so that the first job
    need not; FIELDMARK_PREPARE=0 turns it off."""
    return os.environ.get(ENV_PREPARE, "1") != "0"


def poll_seconds() -> float:
    """Return the least seconds between two requests of a watcher to its platform; it asks less
    often while nothing happens."""
    return float(os.environ.get(ENV_POLL_SECONDS) or POLL_SECONDS)


def stream_from() -> int:
    """Return the number of photos from which on a job on SageMaker streams them instead of copying
    them before it starts."""
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
            f"The folder {path} can't be created ({why}). Fix that, or set {ENV_HOME} to another "
            "folder."
        )
        raise Unwritable(words, error.errno or 0, why) from error
