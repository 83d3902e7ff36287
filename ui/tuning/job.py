"""A tuning job on its page: state, best trial, advice and charts, live while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import backends
from core.errors import NotFound
from core.jobs.status.progress import TuningProgress
from core.jobs.store import Job, State
from core.models import store as models
from core.tuning import advice, leaderboard
from core.tuning.leaderboard import Board, Trial
from ui import choices, links
from ui.shared import job_state, live
from ui.text import count, duration, figure, plain, share
from ui.training import heading
from ui.tuning import actions as tuning_actions
from ui.tuning import charts as tuning_charts
from ui.tuning import filters as tuning_filters
from ui.tuning import leaderboard as tuning_board
from ui.tuning import parallel as tuning_parallel
from ui.tuning import trial as tuning_trial

LIVE_SECONDS = 1.0
CURVES = 20
ADVICE_ICONS = {
    "edge": "open_in_full",
    "ties": "join",
    "defaults": "balance",
    "failed": "error",
    "choice": "do_not_disturb_on",
    "small": "remove",
    "long": "hourglass_bottom",
}


def show(job: Job) -> None:
    """Draw the view. It refreshes itself while the job runs, and the page once when it ends."""
    # Raises here, outside the part that refreshes itself, if the job can't be read.
    leaderboard.read(job.id)
    now = backends.of(job).refresh(job)
    tuning_actions.above(now)
    live.job(_live, now, LIVE_SECONDS)
    tuning_actions.details(now)


def _live(job: Job) -> None:
    board = leaderboard.read(job.id)
    _header(job, board)
    _figures(job, board)
    _best(board)
    _advice(board)
    filters = _bar(board)
    tuning_trial.show(board)
    shown = filters.shown(board)
    if filters.narrowed:
        st.caption(f"{len(shown)} of {count(len(board.trials), 'trial')} match the filters.")
    VIEWS[st.session_state.get("tu_view") or "Leaderboard"](board, shown, filters)


def _header(job: Job, board: Board) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{job_state.badge(job.state)} {heading.started(job)}", width="content")
        job_state.where(job)
        tuning_actions.show(job, board)
    if job.state is State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    elif job.state is State.STOPPED:
        st.info(
            f"{plain(job.status.reason)} The finished trials are kept. Add trials to continue.",
            icon=":material/stop_circle:",
        )
    elif ended := TuningProgress.from_json(job.status.progress).ended:
        st.caption(f"Finished: {plain(ended)}.")


def _figures(job: Job, board: Board) -> None:
    best, baseline = board.best(), board.baseline()
    done = [trial for trial in board.trials if trial.state.is_finished]
    failed = sum(trial.state is State.FAILED for trial in done)
    early = sum(trial.stopped_early for trial in done)
    seconds = sorted(trial.seconds for trial in board.completed() if trial.seconds is not None)
    with st.grid(4, min_column_width=170, gap="small"):
        st.metric(
            f"Best {board.objective.title.lower()}",
            figure(best.value if best else None, "{:.4f}"),
            _gain(board, best, baseline),
            border=True,
            height="stretch",
            delta_color="normal" if board.objective.maximize else "inverse",
        )
        running = len(board.trials) - len(done)
        notes = [
            f"{number} {word}"
            for number, word in ((running, "running"), (failed, "failed"), (early, "stopped early"))
            if number
        ]
        st.metric(
            "Trials",
            f"{len(done)} of {board.spec.max_trials}",
            ", ".join(notes) or None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        st.metric(
            "Duration" if job.state.is_finished else "Running for",
            duration(job.status.seconds),
            border=True,
            height="stretch",
        )
        st.metric(
            "Seconds per trial",
            figure(_middle(seconds), "{:.1f}"),
            border=True,
            height="stretch",
            help="Median of the completed trials.",
        )
    if not job.state.is_finished:
        st.progress(
            min(1.0, len(done) / board.spec.max_trials), text=_expected(job, board, len(done))
        )
        job_state.notes(job)


def _gain(board: Board, best: Trial | None, baseline: Trial | None) -> str | None:
    """How much better the best trial is than the defaults: in points for shares, else in the
    objective's own unit; None until both have a value."""
    if best is None or baseline is None or best.value is None or baseline.value is None:
        return None
    gain = best.value - baseline.value
    if board.objective.maximize:
        return f"{100 * gain:+.1f} points over the defaults"
    return f"{gain:+.4f} compared with the defaults"


def _middle(seconds: Sequence[float]) -> float | None:
    if seconds:
        return seconds[len(seconds) // 2]
    return None


def _expected(job: Job, board: Board, done: int) -> str:
    """Return the time left if the trials to come take as long as those so far."""
    spent = job.status.seconds
    if not board.trials or TuningProgress.from_json(job.status.progress).waits_for:
        return plain(job_state.phase(job))
    if done < 2 or not spent:
        shares = board.spec.resources is None and board.spec.fixed.get("mode", "frozen") == "frozen"
        if shares:
            return "The first trial extracts the features that all trials share."
        return "The first trials are running."
    trials = board.spec.max_trials
    left = max(1.0, spent / done * (trials - done))
    return f"Trial {min(done + 1, trials)} of {trials}, about {duration(left)} left"


def _best(board: Board) -> None:
    """Draw the best trial with links to its model. It was chosen by validation, so its test
    accuracy may be shown."""
    best = board.best()
    if best is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="tu_best"):
        shown = [
            f"{name.replace('_', ' ')} {tuning_board.short(text)}"
            for name, text in best.params.items()
        ]
        values = ", ".join(shown) or "the defaults"
        reached = f"{best.value:.4f}"
        if best.correct is not None and best.n:
            reached = share(int(best.correct), int(best.n))
        st.markdown(
            (
                f"**Best: trial {best.number}**, {plain(values)}  \n{reached} on "
                f"validation{_tested(board, best)}"
            ),
            width="stretch",
        )
        links.button(
            "Open the model",
            "models",
            key="tu_best_model",
            icon=":material/verified:",
            kind="primary",
            model=best.id,
        )
        links.button(
            "Deploy", "deploy", key="tu_best_deploy", icon=":material/rocket_launch:", model=best.id
        )


def _tested(board: Board, best: Trial) -> str:
    """Return the test accuracy of the best trial and of the defaults, once the search is over:
    shown earlier, it would invite choosing by it."""
    if not board.job.state.is_finished:
        return ""
    words = ""
    if tested := _on_test(best):
        words += f"; {tested} on test"
    baseline = board.baseline()
    if baseline and baseline.id != best.id and (tested := _on_test(baseline)):
        words += f", the defaults {tested}"
    return words


def _on_test(trial: Trial) -> str:
    try:
        figures = models.read(trial.id).metrics("test")
    except NotFound:
        return ""
    if figures:
        return share(int(figures["correct"]), int(figures["n"]))
    return ""


def _advice(board: Board) -> None:
    found = advice.advise(board)
    if not found:
        return
    with st.expander(
        f"Advice ({len(found)})", icon=":material/lightbulb:", expanded=board.job.state.is_finished
    ):
        for item in found:
            st.markdown(f":material/{ADVICE_ICONS[item.kind]}: {plain(item.text)}")


def _bar(board: Board) -> tuning_filters.Filters:
    with st.container(horizontal=True, vertical_alignment="center"):
        choices.view(
            "View", list(VIEWS), key="tu_view", keep=("job",), label_visibility="collapsed"
        )
        st.space("stretch")
        filters = tuning_filters.show(board)
        st.download_button(
            "CSV",
            tuning_board.as_csv(board, filters.shown(board)),
            f"{board.job.id}.csv",
            "text/csv",
            key="tu_csv",
            icon=":material/download:",
            on_click="ignore",
            disabled=not board.trials,
        )
    return filters


def _leaderboard(board: Board, shown: Sequence[Trial], _filters: tuning_filters.Filters) -> None:
    tuning_board.show(board, shown)


def _history(board: Board, shown: Sequence[Trial], _filters: tuning_filters.Filters) -> None:
    tuning_charts.history(board, shown)


def _parameters(board: Board, shown: Sequence[Trial], filters: tuning_filters.Filters) -> None:
    tuning_parallel.show(board, filters)
    tuning_charts.slices(board, shown)


def _importance(board: Board, shown: Sequence[Trial], _filters: tuning_filters.Filters) -> None:
    tuning_charts.importances(board, shown)
    st.markdown("**Two hyperparameters at a time**")
    tuning_charts.contour(board, shown)


def _curves(board: Board, shown: Sequence[Trial], _filters: tuning_filters.Filters) -> None:
    chosen = [trial for trial in shown if trial.curve]
    if len(chosen) > CURVES:
        st.caption(
            f"Curves of the best {CURVES} of {len(chosen)} trials. Use the filter to see others."
        )
    tuning_trial.curves(board, chosen[:CURVES], key=f"tu_curves_{board.job.id}", height=380)


VIEWS: dict[str, Callable[[Board, Sequence[Trial], tuning_filters.Filters], None]] = {
    "Leaderboard": _leaderboard,
    "History": _history,
    "Parameters": _parameters,
    "Importance": _importance,
    "Curves": _curves,
}
