"""Answers per second to 8 clients: Fieldmark's endpoint next to TorchServe with
sagemaker-pytorch-inference's handler, eager fp32."""

from __future__ import annotations

from benchmarks.endpoints import served
from benchmarks.harness import Outcome, Row
from core.endpoints import load_test

REQUESTS, CLIENTS = 400, 8
TARGET = 3.0


def run() -> Outcome:
    def busiest(result: load_test.Result) -> float:
        return result.per_second

    duels = {
        arch: served.best_peer(arch, requests=REQUESTS, clients=CLIENTS, better=busiest)
        for arch in (served.ARCH, served.OTHER)
    }
    main, other = duels[served.ARCH], duels[served.OTHER]
    return Outcome(
        "endpoint_throughput",
        "photos/s",
        Row(
            f"ours, {served.ARCH}",
            main.ours.per_second,
            main.ours.accuracy,
            f"p95 {main.ours.quantile(0.95):.0f} ms, {main.form}",
        ),
        Row(
            f"peer: TorchServe, {served.ARCH}",
            main.peer.per_second,
            main.peer.accuracy,
            f"p95 {main.peer.quantile(0.95):.0f} ms, {main.peer_form}",
        ),
        TARGET,
        main.n,
        more_is_better=True,
        others=tuple(
            Row(
                f"{name}, {served.OTHER}",
                side.per_second,
                note=f"random weights, p95 {side.quantile(0.95):.0f} ms",
                compared=False,
            )
            for name, side in (("ours", other.ours), ("peer: TorchServe", other.peer))
        ),
        extra={
            "clients": CLIENTS,
            served.OTHER: {
                "ours": round(other.ours.per_second, 1),
                "peer": round(other.peer.per_second, 1),
                "ratio": round(other.ours.per_second / other.peer.per_second, 2),
            },
        },
    )
