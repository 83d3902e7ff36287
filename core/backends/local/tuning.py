"""Run a tuning job: suggest the next trial, submit it as an ordinary training job, and follow the
trials.

All state is read from the trials' folders, so a job that continues after a restart neither repeats
nor loses a trial.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from core import settings
from core.backends.local import training
from core.backends.local.backend import LocalBackend
from core.backends.local.datasets import fetching
from core.errors import BackendError, NotFound
from core.jobs import forks, prefork
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec, TuningSpec
from core.jobs.status.asked import tuning_spec
from core.jobs.status.causes import Cause, Ending
from core.jobs.status.progress import TrainingProgress
from core.jobs.stopping import ask_to_stop
from core.jobs.store import State
from core.tuning import leaderboard, retention, stopping, study
from core.tuning import objectives as search
from core.tuning.leaderboard import Board, Trial

if TYPE_CHECKING:
    from core.jobs.worker import Worker

POLL_SECONDS = 0.02
JUDGE_SECONDS = 0.2
FIRST_FAILURES = 3
THREADS = "OMP_NUM_THREADS"


def run(worker: Worker) -> None:
    """Run trials until a limit is reached, then tag the best one. Stops the running trials if the
    job is stopped."""
    spec = tuning_spec(worker.job)
    # First of all: whatever reads a manifest leaves threads in this process, which then can't fork.
    prefork.fork_from_here(worker.lock)
    training.copy_input(worker.folder, spec.dataset_id, spec.version_id)
    fetching.fetch_photos(worker, spec.dataset_id, spec.version_id)
    Tuner(worker, spec).run()


class Tuner:
    """A running tuning job. `board` is the leaderboard in the folders; running trials are read
    again at each turn."""

    def __init__(self, worker: Worker, spec: TuningSpec) -> None:
        self.worker, self.spec, self.backend = worker, spec, LocalBackend()
        self.board = leaderboard.read(worker.job.id)
        self.prior = study.prior_of(self.spec, _boards(self.spec.warm_start))
        self.cores = len(os.sched_getaffinity(0))
        self.exhausted = False
        self._shown: dict[str, object] = {}
        self._judged, self._started = 0.0, time.monotonic()

    def run(self) -> None:
        try:
            self._look()
            self._go_on_with_interrupted()
            while not (ended := self._turn()):
                time.sleep(POLL_SECONDS)
        except BaseException:
            self._stop_running("it was asked to stop")
            raise
        self._stop_running(ended)
        self._report(ended=ended)
        leaderboard.refuse_failed(self.board)
        retention.tag_best(self.board)

    def _turn(self) -> str:
        """Read the running trials and start the next ones; return why the job is over, or an empty
        string."""
        self.worker.check_stop()
        self._look()
        self._report()
        self._check_first_failures()
        if ended := self._why_over():
            return ended
        self._judge()
        while len(self._running()) < self._allowed() and not self.exhausted:
            self._start_next()
        return ""

    def _look(self) -> None:
        """Read the trials that were running; one whose process died is Failed from here on."""
        while True:  # reaps the processes of ended trials
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    break
            except ChildProcessError:
                break
        running = len(self._running())
        self._replace([self._now(trial) for trial in self.board.trials])
        if len(self._running()) < running:
            retention.tidy(self.board)

    def _now(self, trial: Trial) -> Trial:
        if trial.state.is_finished:
            return trial
        try:
            return leaderboard.of_job(self.backend.refresh(jobs.read(trial.id)), self.spec)
        except NotFound as error:
            reason = f"The trial was deleted while it ran. {error}"
            return replace(trial, state=State.FAILED, reason=reason, cause=Cause.ERROR)

    def _start_next(self) -> None:
        number = max((trial.number for trial in self.board.trials), default=0) + 1
        params: dict[str, str] | None = {}
        if not self.spec.baseline or any(trial.is_baseline for trial in self.board.trials):
            params = self._suggest()
        if params is None:
            self.exhausted = True
            return
        self._replace([*self.board.trials, self._submit(number, params)])

    def _go_on_with_interrupted(self) -> None:
        """Continue the trials that were interrupted with the continued job, from their checkpoints
        if they have any."""
        for trial in [trial for trial in self.board.trials if trial.interrupted]:
            if trial.started:
                again = self._submit(trial.number, trial.params, resumed_from=trial.id)
            else:
                again = self._submit(trial.number, trial.params)
                jobs.delete(trial.id)
            newest = {other.id: other for other in self.board.trials} | {trial.id: again}
            self._replace(list(newest.values()))

    def _submit(self, number: int, params: Mapping[str, str], resumed_from: str = "") -> Trial:
        spec = TrainingSpec(
            search.trial_name(self.spec, number),
            self.spec.dataset_id,
            self.spec.version_id,
            {**self.spec.fixed, **params},
            resumed_from=resumed_from,
            tuning_id=self.worker.job.id,
            trial=number,
        )
        at_once = self.spec.parallel
        if self._makes_features():
            at_once = 1
        os.environ[THREADS] = str(max(1, self.cores // at_once))
        return leaderboard.of_job(self.backend.train(spec), self.spec)

    def _suggest(self) -> dict[str, str] | None:
        def suggest() -> dict[str, str] | None:
            return study.suggest(self.spec, self.board.trials, self.prior)

        # A Gaussian process starts torch's threads, and a process with threads must not fork
        # trials.
        failed = "The next trial could not be chosen. The log has the reason. Try another strategy."
        if self.spec.strategy == "gp":
            return forks.in_fork(suggest, failed)
        return suggest()

    def _allowed(self) -> int:
        """Return how many trials may run now. In frozen mode the first one runs alone, on all
        cores, because the others share its features."""
        left = self.spec.max_trials - len(self.board.trials) + len(self._running())
        if self._makes_features():
            return min(1, left)
        return min(self.spec.parallel, left)

    def _makes_features(self) -> bool:
        return self.spec.fixed.get("mode", "frozen") == "frozen" and not any(
            trial.curve or trial.state.is_finished for trial in self.board.trials
        )

    def _judge(self) -> None:
        """Stop the trials that early stopping selects."""
        if time.monotonic() - self._judged < JUDGE_SECONDS:
            return
        self._judged = time.monotonic()
        for trial in self._running():
            others = [other for other in self.board.trials if other.id != trial.id]
            if reason := stopping.reason_to_stop(trial, others, self.spec):
                self._stop(trial, Ending(reason, Cause.EARLY_STOPPING))

    def _check_first_failures(self) -> None:
        mine = [
            trial
            for trial in self.board.trials
            if trial.tuning_id == self.worker.job.id and trial.state.is_finished
        ]
        first = mine[:FIRST_FAILURES]
        if len(first) == FIRST_FAILURES and all(trial.state is State.FAILED for trial in first):
            raise BackendError(
                f"The first {FIRST_FAILURES} trials failed, so the search was stopped. Last "
                f"failure: {first[-1].reason}"
            )

    def _why_over(self) -> str:
        board, spec = self.board, self.spec
        done = [trial for trial in board.trials if trial.state.is_finished]
        best = board.best()
        if (
            best
            and spec.target is not None
            and best.value is not None
            and not board.objective.better(spec.target, best.value)
        ):
            return f"trial {best.number} reached the target: {best.value:.4f}"
        if spec.max_seconds and time.monotonic() - self._started > spec.max_seconds:
            return f"the time limit of {spec.max_seconds:g} s was reached"
        if (
            spec.patience
            and best
            and sum(trial.number > best.number for trial in done) >= spec.patience
        ):
            return f"{spec.patience} trials did not improve on trial {best.number}"
        if self._running():
            return ""
        if self.exhausted:
            return f"all {len(done)} combinations ran"
        if len(done) >= spec.max_trials:
            return f"all {len(done)} trials ran"
        return ""

    def _stop_running(self, reason: str) -> None:
        why = Ending(f"{leaderboard.INTERRUPTED}: {reason}.", Cause.TUNING_ENDED)
        for trial in self._running():
            self._stop(trial, why)
        until = time.monotonic() + settings.STOP_SECONDS + 5
        while self._running() and time.monotonic() < until:
            self._look()
            time.sleep(POLL_SECONDS)

    def _stop(self, trial: Trial, why: Ending) -> None:
        job = jobs.read(trial.id)
        if not job.folder.stop_request.exists():
            ask_to_stop(job.folder, why)
        self.backend.stop(job)

    def _running(self) -> list[Trial]:
        return [trial for trial in self.board.trials if not trial.state.is_finished]

    def _replace(self, trials: list[Trial]) -> None:
        self.board = replace(self.board, trials=tuple(trials))

    def _report(self, ended: str = "") -> None:
        """Report the progress for lists of jobs; the page reads the trials itself."""
        best, value, phase = self.board.best(), None, "Running trials"
        if best:
            value = best.value
        if ended:
            phase = "Done"
        values: dict[str, object] = {
            "phase": phase,
            "ended": ended,
            "trials": sum(trial.state.is_finished for trial in self.board.trials),
            "max_trials": self.spec.max_trials,
            "best": value,
            "warm_start_trials": len(self.prior),
        }
        if values != self._shown:
            self._shown = values
            self.worker.progress(**values)
        self.worker.note(**self._concerns())

    def _concerns(self) -> dict[str, str]:
        """Return which job a running trial waits for, and whether a trial is silent: both hold for
        the search."""
        found: dict[str, str] = {}
        for trial in self._running():
            with suppress(NotFound):
                told = TrainingProgress.from_json(jobs.read(trial.id).status.progress)
                notes = {"waits_for": told.waits_for, "silent": told.silent}
                found |= {name: words for name, words in notes.items() if words}
        return found


def _boards(tuning_ids: tuple[str, ...]) -> list[Board]:
    return [leaderboard.read(tuning_id) for tuning_id in tuning_ids]
