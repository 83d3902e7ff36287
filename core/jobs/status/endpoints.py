"""The status of an endpoint: how it is served, by kind of endpoint, and its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from core.jobs.status.documents import Document
from core.jobs.status.progress import Parity, Progress

# An endpoint's answer about a photo, as sm_scripts/inference.py writes it.
Answer = dict[str, Any]


@dataclass(frozen=True)
class Figures(Document):
    """An endpoint's figures since it went live: times in milliseconds, over `timed` requests.
    None if unknown."""

    form: str = ""
    requests: int | None = None
    photos: int | None = None
    errors: int | None = None
    busy: int = 0
    waiting: int | None = None
    timed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True)
class Form(Parity):
    """The engine that answers: its milliseconds of processor time per photo, and those of plain
    fp32."""

    form: str = ""
    batch: int = 1
    workers: int = 1
    milliseconds: float = 0.0
    plain_milliseconds: float = 0.0


@dataclass(frozen=True)
class Details(Progress):
    """The facts on an endpoint's page, of every kind of endpoint.

    `url` is set once it is live, `deadline` (seconds since 1970) if it stops by itself; `gone` says
    why it ended. `chosen` is its engine if there was a choice. `instance` and `usd_per_hour` are
    set if it costs money. `counted`, `timed_as` and `limits` describe figures and requests if they
    differ from a local endpoint's.
    """

    # Whether Fieldmark created it, and so deletes it.
    IS_OURS: ClassVar[bool] = True
    # Whether it can store requests for the monitor.
    CAN_STORE: ClassVar[bool] = True

    phases: tuple[str, ...] = ()
    url: str = ""
    deadline: float | None = None
    smoke_ms: float = 0
    start_seconds: float | None = None
    form: str = "plain torch"
    chosen: Form = field(default_factory=Form)
    gone: str = ""
    instance: str = ""
    usd_per_hour: float | None = None
    counted: str = ""
    timed_as: str = ""
    limits: str = ""

    @property
    def remarks(self) -> str:
        """Remarks on how it is served, or ''."""
        return ""


@dataclass(frozen=True)
class LocalDetails(Details):
    """An endpoint on this workstation. `port_taken` is the wanted port, if it was in use."""

    phases: tuple[str, ...] = (
        "Loading the model",
        "Choosing the fastest engine",
        "Running the smoke test",
    )
    port_taken: int = 0

    @property
    def remarks(self) -> str:
        if not self.port_taken:
            return ""
        return f" Port {self.port_taken} was in use, so the endpoint listens on another one."


@dataclass(frozen=True)
class HostedDetails(Details):
    """An endpoint on a platform: its region, image and figures."""

    region: str = ""
    image: str = ""
    figures: Figures = field(default_factory=Figures)

    @property
    def remarks(self) -> str:
        if not self.image:
            return ""
        return f" {self.image}"


@dataclass(frozen=True)
class RealTimeDetails(HostedDetails):
    """One on instances of its own; `scaled` if their number changes, and `not_scaled` is the reason
    why it was to change and doesn't."""

    scaled: bool = False
    not_scaled: str = ""

    @property
    def remarks(self) -> str:
        if not self.not_scaled:
            return super().remarks
        return f"{super().remarks} The number of instances stays fixed: {self.not_scaled}"


@dataclass(frozen=True)
class ServerlessDetails(HostedDetails):
    """A serverless endpoint."""

    CAN_STORE: ClassVar[bool] = False


@dataclass(frozen=True)
class AttachedDetails(HostedDetails):
    """An endpoint named `attached` that Fieldmark did not create."""

    IS_OURS: ClassVar[bool] = False
    CAN_STORE: ClassVar[bool] = False

    attached: str = ""
