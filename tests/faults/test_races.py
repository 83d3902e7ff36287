"""Few rounds of what `python -m tests.faults races` does many of."""

from __future__ import annotations

from tests.faults import _race_verbs, races


def test_nothing_is_lost_and_nothing_comes_back_when_two_apps_race(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    kinds = {name: _race_verbs.KINDS[name] for name in ("job", "review")}
    monkeypatch.setattr(_race_verbs, "KINDS", kinds)
    counted = races.run(rounds=1, seed=3)
    assert counted["faults"] == 0, counted
    assert counted["rounds"] == counted["pairs"]
