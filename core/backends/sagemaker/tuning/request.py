"""The request for a tuning job on SageMaker: ranges, strategy, limits, early stopping and warm
start."""

from __future__ import annotations

from collections.abc import Mapping

from core.aws import containers
from core.aws.account import Account
from core.aws.documents import Json
from core.backends.sagemaker import job_request
from core.backends.sagemaker.job_request import Inputs
from core.backends.sagemaker.training.watch import REQUEST
from core.errors import NotFound, UserError
from core.io import files
from core.jobs import store as jobs
from core.jobs.hyperparameters import carried_name
from core.jobs.specs import TrainingSpec, TuningSpec
from core.jobs.status.asked import tuning_spec
from core.training import metrics
from core.training import script as scripts
from core.tuning import leaderboard
from core.tuning import objectives as search
from core.tuning import space as spaces
from core.tuning.space import Range

STRATEGIES = {
    "tpe": "Bayesian",
    "gp": "Bayesian",
    "random": "Random",
    "grid": "Grid",
    "hyperband": "Hyperband",
}
MOST_CHOICES = 30
MOST_PARENTS = 5
MOST_TRIALS = 750
FEWEST_SECONDS = 120
FEWEST_PATIENCE = 3
# A job that reaches MaxResource is stopped, even without a model, and the script reports more often
# than once per epoch: before the first when it fine-tunes, and once more at the end.
MORE_REPORTS = 3
# Trials may share a folder of checkpoints: the training script replaces @job by the job's name.
OWN_CHECKPOINTS = f"{job_request.CHECKPOINTS}/@job"


def check(spec: TuningSpec) -> None:
    """Raise UserError, naming the field, for settings that SageMaker's tuner does not support."""
    for name, values in spaces.parse(spec.space).items():
        count = len(values.grid()) if spec.strategy == "grid" else len(values.choices)
        if count > MOST_CHOICES:
            raise UserError(
                f"{name}: SageMaker allows {MOST_CHOICES} values; this range has {count}.",
                field=name,
            )
    _check_limits(spec)
    _check_parents(spec)


def _check_limits(spec: TuningSpec) -> None:
    if spec.max_trials > MOST_TRIALS:
        raise UserError(
            f"SageMaker runs at most {MOST_TRIALS} trials per tuning job.", field="max_trials"
        )
    if 0 < spec.max_seconds < FEWEST_SECONDS:
        raise UserError(
            "Use a time limit of at least two minutes on SageMaker.", field="max_seconds"
        )
    if 0 < spec.patience < FEWEST_PATIENCE:
        raise UserError(
            f"Use at least {FEWEST_PATIENCE} trials on SageMaker, or 0 for never.",
            field="patience",
        )
    if spec.strategy == "hyperband" and spec.early_stopping:
        raise UserError(
            "Hyperband stops trials itself. Turn off early stopping.", field="early_stopping"
        )
    if spec.strategy == "hyperband" and not hyperband_epochs(spec):
        raise UserError("Hyperband needs a fixed number of epochs.", field="epochs")


def _check_parents(spec: TuningSpec) -> None:
    for parent in spec.warm_start:
        if jobs.read(parent).backend != "sagemaker":
            raise UserError(
                "A warm start on SageMaker can only use SageMaker's own tuning jobs. Remove the "
                "others.",
                field="warm_start",
            )
    if len(parents(spec)) > MOST_PARENTS:
        raise UserError(
            f"A warm start on SageMaker can use at most {MOST_PARENTS} tuning jobs.",
            field="warm_start",
        )
    _check_parameters(spec)
    if spec.continues and jobs.read(spec.continues).backend != "sagemaker":
        raise UserError(
            "A tuning job continues where it ran. Start a new one to use SageMaker.",
            field="backend",
        )


def _check_parameters(spec: TuningSpec) -> None:
    """A warm start needs as many hyperparameters as its parent has."""
    ours = {parameter.name for parameter in scripts.TABLE} | {*spec.space, *scripts.OURS}
    number = len(ours) + len(job_request.script_mode(Account(), ""))
    for parent in parents(spec):
        if (theirs := _parameters(parent)) and theirs != number:
            raise UserError(
                f"{jobs.read(parent).name} was started by another version of Fieldmark: it has "
                f"{theirs} hyperparameters, a new tuning job has {number}, and SageMaker needs "
                "the same number for a warm start. Leave it out.",
                field="warm_start",
            )


def build(spec: TuningSpec, account: Account, inputs: Inputs, *, beside: int = 0) -> Json:
    """Return the request for CreateHyperParameterTuningJob, while `beside` of its instances are in
    use already."""
    resources = job_request.resources_of(spec)
    space = spaces.parse(spec.space)
    static = {
        **_unsearched(spec, space),
        "name": carried_name(spec.name),
        "dataset_id": spec.dataset_id,
        "dataset_version": spec.version_id,
        "checkpoint_dir": OWN_CHECKPOINTS,
        **job_request.script_mode(account, inputs.code),
    }
    definition = job_request.shared(spec.id, account, resources, inputs)
    if not resources.spot:
        del definition["CheckpointConfig"]
    request: Json = {
        "HyperParameterTuningJobName": spec.id,
        "HyperParameterTuningJobConfig": _config(spec, space, beside),
        "TrainingJobDefinition": {
            "StaticHyperParameters": static,
            "AlgorithmSpecification": {
                "TrainingImage": containers.training(account, resources.instance_type),
                "TrainingInputMode": "File",
                "MetricDefinitions": metrics.definitions(),
            },
            **definition,
        },
        "Tags": job_request.tags(spec),
    }
    if from_jobs := parents(spec):
        kind = "TransferLearning"
        if all(_is_same(spec, name) for name in from_jobs):
            kind = "IdenticalDataAndAlgorithm"
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [
                {"HyperParameterTuningJobName": name} for name in from_jobs
            ],
            "WarmStartType": kind,
        }
    return request


def _unsearched(spec: TuningSpec, space: Mapping[str, Range]) -> dict[str, str]:
    """Every hyperparameter that is not searched, those left at their default included: a warm start
    needs as many, static and tunable together, as its parent has."""
    whole = {
        parameter.name: str(parameter.default)
        for parameter in scripts.TABLE
        if parameter.name not in space
    }
    return {**whole, **spec.fixed}


def _config(spec: TuningSpec, space: Mapping[str, Range], beside: int) -> Json:
    objective = search.OBJECTIVES[spec.objective]
    limits: Json = {"MaxParallelTrainingJobs": max(1, spec.parallel - beside)}
    if spec.strategy != "grid":
        limits["MaxNumberOfTrainingJobs"] = trials(spec)
    if spec.max_seconds:
        limits["MaxRuntimeInSeconds"] = int(spec.max_seconds)
    config: Json = {
        "Strategy": STRATEGIES[spec.strategy],
        "HyperParameterTuningJobObjective": {
            "Type": "Maximize" if objective.maximize else "Minimize",
            "MetricName": spec.objective,
        },
        "ResourceLimits": limits,
        "ParameterRanges": ranges(space, grid=spec.strategy == "grid"),
        "TrainingJobEarlyStoppingType": "Auto" if spec.early_stopping else "Off",
        "RandomSeed": spec.seed,
    }
    if spec.strategy == "hyperband":
        most = hyperband_epochs(spec) + MORE_REPORTS
        config["StrategyConfig"] = {
            "HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": most}
        }
    enough: Json = {}
    if spec.target is not None:
        enough["TargetObjectiveMetricValue"] = spec.target
    if spec.patience:
        enough["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": spec.patience}
    if enough:
        config["TuningJobCompletionCriteria"] = enough
    return config


def ranges(space: Mapping[str, Range], *, grid: bool) -> dict[str, list[Json]]:
    """Return the space as SageMaker's ParameterRanges.

    Its grid search supports categories only, so numbers become the values of our grid.
    """
    found: dict[str, list[Json]] = {}
    for name, values in space.items():
        if values.kind == "choice" or grid:
            found.setdefault("CategoricalParameterRanges", []).append(
                {"Name": name, "Values": list(values.grid())}
            )
            continue
        kind = "IntegerParameterRanges" if values.kind == "int" else "ContinuousParameterRanges"
        bounds = {"MinValue": values.text(values.low), "MaxValue": values.text(values.high)}
        found.setdefault(kind, []).append(
            {"Name": name, **bounds, "ScalingType": "Logarithmic" if values.log else "Linear"}
        )
    return found


def baseline(spec: TuningSpec) -> TrainingSpec | None:
    """Return the trial with the defaults, a separate training job on SageMaker; None if not
    wanted or if it exists.

    Its id is derived from the tuning job's, so it can only be created once.
    """
    if not spec.baseline or (spec.continues and any(trial.is_baseline for trial in before(spec))):
        return None
    number = 1 + first_number(spec)
    return TrainingSpec(
        search.trial_name(spec, number),
        spec.dataset_id,
        spec.version_id,
        spec.fixed,
        id=spec.id.replace("fm-tuning-", "fm-training-", 1),
        tuning_id=spec.id,
        trial=number,
        resources=spec.resources,
    )


def before(spec: TuningSpec) -> tuple[leaderboard.Trial, ...]:
    """Return the trials of the job that this one continues."""
    if not spec.continues:
        return ()
    return leaderboard.read(spec.continues).trials


def first_number(spec: TuningSpec) -> int:
    """Return the number before this job's first trial."""
    return max((trial.number for trial in before(spec)), default=0)


def trials(spec: TuningSpec) -> int:
    """Return how many trials SageMaker's tuner runs: without the baseline and earlier trials."""
    return max(1, spec.max_trials - len(before(spec)) - (baseline(spec) is not None))


def hyperband_epochs(spec: TuningSpec) -> int:
    if "epochs" in spec.space:
        return 0
    return int(scripts.check(spec.fixed)["epochs"])


def parents(spec: TuningSpec) -> list[str]:
    return [name for name in dict.fromkeys([spec.continues, *spec.warm_start]) if name]


def _is_same(spec: TuningSpec, parent: str) -> bool:
    """Return whether that job differs only in its ranges."""
    try:
        other = tuning_spec(jobs.read(parent))
    except NotFound:
        return False
    names = {*spec.fixed, *spec.space} == {*other.fixed, *other.space}
    return names and (other.dataset_id, other.version_id) == (spec.dataset_id, spec.version_id)


def _parameters(parent: str) -> int:
    """How many hyperparameters, static and tunable, that job has on SageMaker; 0 if unknown."""
    try:
        request = files.read_json(jobs.read(parent).folder.input / REQUEST)
    except (NotFound, OSError, ValueError):
        return 0
    tunable = request["HyperParameterTuningJobConfig"]["ParameterRanges"].values()
    return len(request["TrainingJobDefinition"]["StaticHyperParameters"]) + sum(map(len, tunable))
