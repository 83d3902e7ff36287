"""Progress of an inspection over all of its phases, with one estimate of the time left."""

from __future__ import annotations

from dataclasses import dataclass, field

FEATURES = "Computing features"
NEIGHBOURS = "Comparing photos"
QUALITY = "Checking each photo"
PAIRS = "Comparing similar pairs"
LABELS = "Checking labels"
MAP = "Drawing the map"
# The phases in their order, each with the seconds per photo that an ordinary computer takes: a
# first guess, until the phases that have ended tell how fast this one is.
SECONDS: dict[str, float] = {
    FEATURES: 0.06,
    NEIGHBOURS: 0.0005,
    QUALITY: 0.007,
    PAIRS: 0.005,
    LABELS: 0.002,
    MAP: 0.003,
}
# What the seconds of ended phases may say about the speed of the machine.
SLOWEST, FASTEST = 10.0, 0.2


@dataclass
class Timeline:
    """What an inspection of so many photos has left to do; `started` is a monotonic time."""

    photos: int
    started: float
    _phase: str = ""
    _began: float = 0.0
    _before: int = 0
    _share: float = 0.0
    _spent: dict[str, float] = field(default_factory=dict)

    def update(self, phase: str, done: int, total: int, now: float) -> tuple[float, float]:
        """Return the seconds left in this phase and all that follow, and the share (0 to 1) of the
        whole that is done, which never decreases."""
        phase = phase.split(" (")[0]
        if phase != self._phase:
            if self._phase:
                self._spent[self._phase] = now - self._began
            self._phase, self._began, self._before = phase, now, done
        left = self._left_here(done, total, now) + self._left_after()
        elapsed = max(now - self.started, 1e-6)
        self._share = max(self._share, elapsed / (elapsed + left))
        return left, self._share

    def _left_here(self, done: int, total: int, now: float) -> float:
        counted = done - self._before
        if counted > 0 and total > 0:
            return (total - done) * (now - self._began) / counted
        return max(0.0, self._expected(self._phase) - (now - self._began))

    def _left_after(self) -> float:
        names = list(SECONDS)
        later = names[names.index(self._phase) + 1 :] if self._phase in names else names
        return sum(self._expected(name) for name in later)

    def _expected(self, phase: str) -> float:
        return SECONDS.get(phase, 0.0) * self.photos * self._slowness()

    def _slowness(self) -> float:
        """How much longer the ended phases took than guessed. Features say nothing about it, since
        they may have been cached."""
        ended = [name for name in self._spent if name in SECONDS and name != FEATURES]
        guessed = sum(SECONDS[name] for name in ended) * self.photos
        if guessed <= 0:
            return 1.0
        spent = sum(self._spent[name] for name in ended)
        return min(SLOWEST, max(FASTEST, spent / guessed))
