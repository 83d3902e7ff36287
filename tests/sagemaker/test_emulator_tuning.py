"""Tuning jobs in the emulator: what it proposes, when it stops a trial, what it tells, and one of each kind run with a small script."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sagemaker import asking, making
from tests.sagemaker.emulator import early
from tests.sagemaker.emulator.errors import ApiError
from tests.sagemaker.emulator.search import Search, check_ranges

BUCKET = "small-tuning"
LR = {"Name": "lr", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
ARCH = {"Name": "arch", "Values": ["a", "b"]}
# The accuracy that is reported follows from the hyperparameters alone, step by step.
SCRIPT = """
import math, os, sys, time
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
best = 1 - abs(math.log10(float(given.get("--lr", "0.01"))) + 2) / 2 - (given.get("--arch") == "b") / 4
for step in range(int(given["--epochs"])):
    print(f"accuracy={best * (step + 1) / int(given['--epochs'])}", flush=True)
    # Longer than it takes to notice a trial that does badly, also on a busy machine.
    time.sleep(float(given.get("--pause", "0")) * (30 if given.get("--arch") == "b" else 1))
"""


@pytest.fixture(scope="module")
def scripts(emulator: asking.Emulator) -> asking.Emulator:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(
        Bucket=BUCKET, Key="code/score.tar.gz", Body=making.archive({"train.py": SCRIPT.encode()})
    )
    return emulator


def config(
    strategy: str = "Bayesian", jobs: int | None = 4, parallel: int = 2, **more: Any
) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": parallel} | (
        {"MaxNumberOfTrainingJobs": jobs} if jobs else {}
    )
    return {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
        "ResourceLimits": limits,
        "ParameterRanges": {
            "ContinuousParameterRanges": [LR],
            "CategoricalParameterRanges": [ARCH],
        },
        "RandomSeed": 3,
        **more,
    }


def request(name: str, of: dict[str, Any], epochs: int = 2, **static: str) -> dict[str, Any]:
    values = making.hyperparameters(BUCKET, "code/score.tar.gz", epochs=str(epochs), **static)
    definition = {"StaticHyperParameters": values, **making.definition(BUCKET)}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": of,
        "TrainingJobDefinition": definition,
    }


def finished(sagemaker: Any, name: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        row = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return (
            row
            if row["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped")
            else None
        )

    return asking.wait_for(ended, f"the end of {name}")


def trials(sagemaker: Any, name: str, **more: Any) -> list[dict[str, Any]]:
    return sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, **more
    )["TrainingJobSummaries"]


def value(row: dict[str, Any]) -> float:
    return row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]


# Run


def test_a_bayesian_job_and_one_that_learns_from_it(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    sagemaker.create_hyper_parameter_tuning_job(**request("bayes", config()))
    row = finished(sagemaker, "bayes")
    assert row["HyperParameterTuningJobStatus"] == "Completed", row
    assert row["TrainingJobStatusCounters"]["Completed"] == 4
    assert row["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    ranked = trials(sagemaker, "bayes", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [value(trial) for trial in ranked] == sorted(
        (value(trial) for trial in ranked), reverse=True
    )
    assert row["BestTrainingJob"]["TrainingJobName"] == ranked[0]["TrainingJobName"]
    described = sagemaker.describe_training_job(TrainingJobName=ranked[0]["TrainingJobName"])
    assert described["TuningJobArn"] == row["HyperParameterTuningJobArn"]
    assert described["HyperParameters"]["_tuning_objective_metric"] == "accuracy"
    assert described["HyperParameters"]["lr"] == ranked[0]["TunedHyperParameters"]["lr"]
    more = config(jobs=1)
    warm = {
        "WarmStartType": "IdenticalDataAndAlgorithm",
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "bayes"}],
    }
    sagemaker.create_hyper_parameter_tuning_job(**request("bayes-more", more), WarmStartConfig=warm)
    after = finished(sagemaker, "bayes-more")
    best = max([*ranked, *trials(sagemaker, "bayes-more")], key=value)
    assert after["OverallBestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]


def test_a_warm_start_keeps_the_hyperparameters_and_counts_its_parents(
    scripts: asking.Emulator,
) -> None:
    sagemaker = scripts.client("sagemaker")
    create = sagemaker.create_hyper_parameter_tuning_job
    create(**request("parent", config("Random", jobs=1, parallel=1)))
    finished(sagemaker, "parent")
    warm = {
        "WarmStartType": "TransferLearning",
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
    }
    one_more = request("one-more", config(jobs=1), pause="0")
    with pytest.raises(ClientError, match="static plus tunable hyperparameters must remain"):
        create(**one_more, WarmStartConfig=warm)
    with pytest.raises(ClientError, match="current utilization of 1 Training jobs"):
        create(**request("too-many", config(jobs=750)), WarmStartConfig=warm)


@pytest.mark.parametrize(("jobs", "parallel"), [(751, 1), (20, 11)])
def test_a_tuning_job_has_limits(scripts: asking.Emulator, jobs: int, parallel: int) -> None:
    sagemaker = scripts.client("sagemaker")
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded, match="per hyperparameter"):
        sagemaker.create_hyper_parameter_tuning_job(
            **request("large", config("Random", jobs, parallel))
        )


def test_a_grid_tries_every_combination_once(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    grid = {"CategoricalParameterRanges": [ARCH, {"Name": "lr", "Values": ["0.01", "0.1"]}]}
    sagemaker.create_hyper_parameter_tuning_job(
        **request("grid", config("Grid", jobs=None, parallel=4, ParameterRanges=grid))
    )
    finished(sagemaker, "grid")
    tried = {
        (trial["TunedHyperParameters"]["arch"], trial["TunedHyperParameters"]["lr"])
        for trial in trials(sagemaker, "grid")
    }
    assert tried == {("a", "0.01"), ("a", "0.1"), ("b", "0.01"), ("b", "0.1")}


def test_a_stopped_job_stops_its_trials(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    sagemaker.create_hyper_parameter_tuning_job(
        **request("stops", config("Random"), 1000, pause="0.1")
    )
    asking.wait_for(
        lambda: any("accuracy" in line for line in making.log(scripts, "stops-001")),
        "the first report",
    )
    assert len(trials(sagemaker, "stops")) == 2
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stops")
    row = finished(sagemaker, "stops")
    assert row["HyperParameterTuningJobStatus"] == "Stopped"
    assert row["TrainingJobStatusCounters"] == {
        "Completed": 0,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 2,
    }


def test_a_job_whose_trials_all_fail_fails(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    values = request("fails", config("Random", jobs=2))
    values["TrainingJobDefinition"]["StaticHyperParameters"]["epochs"] = "many"
    sagemaker.create_hyper_parameter_tuning_job(**values)
    row = finished(sagemaker, "fails")
    assert row["HyperParameterTuningJobStatus"] == "Failed"
    assert "No training job succeeded" in row["FailureReason"]
    assert (
        row["TrainingJobStatusCounters"]["NonRetryableError"],
        row["ObjectiveStatusCounters"]["Failed"],
    ) == (2, 2)
    assert "BestTrainingJob" not in row


def test_a_job_ends_when_its_target_is_reached(scripts: asking.Emulator) -> None:
    sagemaker = scripts.client("sagemaker")
    of = config(
        "Random",
        jobs=9,
        parallel=1,
        TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.1},
    )
    sagemaker.create_hyper_parameter_tuning_job(**request("target", of))
    row = finished(sagemaker, "target")
    assert row["HyperParameterTuningJobStatus"] == "Completed"
    assert len(trials(sagemaker, "target")) < 9


def test_hyperband_gives_the_best_more_epochs(scripts: asking.Emulator) -> None:
    """None of them needs the forty reports that it would make: the best is stopped at its ninth, the others before or there."""
    sagemaker = scripts.client("sagemaker")
    hyperband = {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 9}}
    of = config("Hyperband", jobs=4, parallel=4, StrategyConfig=hyperband)
    sagemaker.create_hyper_parameter_tuning_job(**request("band", of, 40, pause="0.2"))
    row = finished(sagemaker, "band")
    assert row["HyperParameterTuningJobStatus"] == "Completed"
    assert row["TrainingJobStatusCounters"]["Stopped"] == 4
    counts = [
        sum("accuracy=" in line for line in making.log(scripts, trial["TrainingJobName"]))
        for trial in trials(sagemaker, "band")
    ]
    assert 9 <= max(counts) < 40


def test_hopeless_trials_are_cut_short(scripts: asking.Emulator) -> None:
    """The later ones report 0.25 less at each step, so the median rule ends them at once."""
    sagemaker = scripts.client("sagemaker")
    grid = {"CategoricalParameterRanges": [{"Name": "arch", "Values": ["a", "c", "b"]}]}
    of = config(
        "Grid", jobs=None, parallel=1, ParameterRanges=grid, TrainingJobEarlyStoppingType="Auto"
    )
    sagemaker.create_hyper_parameter_tuning_job(**request("early", of, 12, pause="0.1"))
    finished(sagemaker, "early")
    ended = {trial["TunedHyperParameters"]["arch"]: trial for trial in trials(sagemaker, "early")}
    assert {arch: trial["TrainingJobStatus"] for arch, trial in ended.items()} == {
        "a": "Completed",
        "c": "Completed",
        "b": "Stopped",
    }
    assert ended["b"]["ObjectiveStatus"] == "Succeeded"
    assert value(ended["b"]) < 0.75


# Proposed and refused


def test_the_same_seed_proposes_the_same() -> None:
    def proposed() -> list[dict[str, str]]:
        search = Search(config("Bayesian"), "Maximize")
        found = []
        for number in range(6):
            token, values = search.propose() or (None, {})
            search.tell(token, float(number))
            found.append(values)
        return found

    assert proposed() == proposed()
    assert all(
        0.001 <= float(values["lr"]) <= 0.1 and values["arch"] in ("a", "b")
        for values in proposed()
    )


def test_bayesian_search_learns_what_is_good() -> None:
    search, tried = Search(config("Bayesian"), "Minimize"), []
    for _ in range(35):
        token, values = search.propose() or (None, {})
        tried.append(float(values["lr"]) + (values["arch"] == "b"))
        search.tell(token, tried[-1])
    assert sum(tried[25:]) < 0.7 * sum(tried[:10])


def test_scales_are_kept() -> None:
    ranges = [
        {
            "Name": "momentum",
            "MinValue": "0.5",
            "MaxValue": "0.999",
            "ScalingType": "ReverseLogarithmic",
        },
        {"Name": "wide", "MinValue": "0.00001", "MaxValue": "1"},
    ]
    search = Search(
        config("Random", ParameterRanges={"ContinuousParameterRanges": ranges}), "Maximize"
    )
    found = [search.propose()[1] for _ in range(200)]  # type: ignore[index]
    momentum, wide = ([float(values[name]) for values in found] for name in ("momentum", "wide"))
    assert 0.5 <= min(momentum) <= max(momentum) <= 0.999
    assert sum(value > 0.9 for value in momentum) > 100
    assert sum(value < 0.01 for value in wide) > 80


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (config("Grid"), "only takes categorical"),
        (config("Grid", ParameterRanges={"CategoricalParameterRanges": [ARCH]}), "has to be 2"),
        (config(jobs=None), "MaxNumberOfTrainingJobs is required"),
        (
            config(
                ParameterRanges={
                    "IntegerParameterRanges": [{"Name": "n", "MinValue": "9", "MaxValue": "1"}]
                }
            ),
            "less than or equal",
        ),
        (
            config(ParameterRanges={"ContinuousParameterRanges": [{**LR, "MinValue": "0"}]}),
            "greater than 0",
        ),
        (
            config(
                ParameterRanges={"CategoricalParameterRanges": [{"Name": "fixed", "Values": ["1"]}]}
            ),
            "given once only",
        ),
        (config(ParameterRanges={}), "at least one"),
    ],
)
def test_ranges_that_cannot_be_searched_are_refused(of: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        check_ranges(of, {"fixed": "1"})


def test_hyperband_needs_its_resource_and_no_other_early_stopping() -> None:
    early.check(config("Hyperband"), {"epochs": "27"})
    assert early.resources(config("Hyperband"), {"epochs": "27"}) == (1, 27)
    with pytest.raises(ApiError, match="MaxResource"):
        early.check(config("Hyperband"), {})
    with pytest.raises(ApiError, match="must be Off"):
        early.check(config("Hyperband", TrainingJobEarlyStoppingType="Auto"), {"epochs": "27"})


def test_the_median_rule_and_successive_halving() -> None:
    good, better = [0.5, 0.6, 0.7], [0.6, 0.7, 0.8]
    assert early.is_behind([0.4], [good, better], maximise=True)
    assert not early.is_behind([0.56], [good, better], maximise=True)
    assert not early.is_behind([0.1], [good], maximise=True)
    assert early.is_behind([0.9], [good, better], maximise=False)
    assert not early.is_dropped([0.9], [[0.1], [0.2], [0.3]], 1, 9, maximise=True)
    assert early.is_dropped([0.15], [[0.1], [0.2], [0.3]], 1, 9, maximise=True)
    assert early.is_dropped([0.5] * 9, [], 1, 9, maximise=True)
    assert not early.is_dropped([0.1], [[0.2], [0.3]], 1, 9, maximise=True)
