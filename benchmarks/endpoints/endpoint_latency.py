"""One photo over HTTP, one client: Fieldmark's endpoint next to TorchServe with
sagemaker-pytorch-inference's handler, eager fp32."""

from __future__ import annotations

from benchmarks.endpoints import served
from benchmarks.harness import Outcome, Row
from core.endpoints import load_test

REQUESTS = 200
TARGET = 4.0


def run() -> Outcome:
    def quickest(result: load_test.Result) -> float:
        return -result.quantile(0.5)

    duels = {
        arch: served.best_peer(arch, requests=REQUESTS, clients=1, better=quickest)
        for arch in (served.ARCH, served.OTHER)
    }
    main, other = duels[served.ARCH], duels[served.OTHER]
    return Outcome(
        "endpoint_latency",
        "ms, p50",
        Row(
            f"ours, {served.ARCH}",
            main.ours.quantile(0.5),
            main.ours.accuracy,
            f"p95 {main.ours.quantile(0.95):.1f}, {main.form}",
        ),
        Row(
            f"peer: TorchServe, {served.ARCH}",
            main.peer.quantile(0.5),
            main.peer.accuracy,
            f"p95 {main.peer.quantile(0.95):.1f}, eager fp32",
        ),
        TARGET,
        main.n,
        others=tuple(
            _row(name, other, side)
            for name, side in (("ours", other.ours), ("peer: TorchServe", other.peer))
        ),
        extra={
            "p95_ours": round(main.ours.quantile(0.95), 2),
            "p95_peer": round(main.peer.quantile(0.95), 2),
            served.OTHER: {
                "ours": round(other.ours.quantile(0.5), 2),
                "peer": round(other.peer.quantile(0.5), 2),
                "ratio": round(other.peer.quantile(0.5) / other.ours.quantile(0.5), 2),
            },
        },
    )


def _row(name: str, found: served.Duel, side: served.Side) -> Row:
    ratio = found.peer.quantile(0.5) / found.ours.quantile(0.5)
    note = f"random weights, {_p95(side)}" + (f", {ratio:.1f}x" if side is found.ours else "")
    return Row(f"{name}, {served.OTHER}", side.quantile(0.5), note=note, compared=False)


def _p95(side: served.Side) -> str:
    return f"p95 {side.quantile(0.95):.1f}"
