"""A job as a program for the SageMaker Python SDK v3, with the settings of the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.backends.sagemaker.job_request import CODE_CHANNEL

HEAD = '''"""Repeats a job with the SageMaker Python SDK v3: pip install sagemaker-train, \
then run this with your AWS credentials."""

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.shapes import Channel, DataSource, S3DataSource
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    MetricDefinition,
    Networking,
    OutputDataConfig,
    SourceCode,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

session = Session(boto_session=boto3.Session(region_name={region!r}), default_bucket={bucket!r})
metrics = {metrics}
inputs = {inputs}
trainer = ModelTrainer(
    sagemaker_session=session,
    base_job_name="fieldmark-again",
    training_input_mode="File",
{arguments}
)
'''
TRAIN = """trainer.with_metric_definitions([MetricDefinition(name=name, regex=regex) \
for name, regex in metrics.items()])
trainer.train(input_data_config=inputs, wait=True)
"""
TUNE = """tuner = HyperparameterTuner(
    model_trainer=trainer,
    metric_definitions=[{{"Name": name, "Regex": regex}} for name, regex in metrics.items()],
{arguments}
)
tuner.tune(inputs=inputs, wait=True)
"""
_KINDS = {
    "ContinuousParameterRanges": "ContinuousParameter",
    "IntegerParameterRanges": "IntegerParameter",
    "CategoricalParameterRanges": "CategoricalParameter",
}


def training(request: Mapping[str, Any], account: Mapping[str, Any]) -> str:
    """Return the program for a request of CreateTrainingJob."""
    return _head(request, request["HyperParameters"], account) + TRAIN


def tuning(request: Mapping[str, Any], account: Mapping[str, Any]) -> str:
    """Return the program for a request of CreateHyperParameterTuningJob, without its warm start."""
    definition, config = request["TrainingJobDefinition"], request["HyperParameterTuningJobConfig"]
    objective, limits = config["HyperParameterTuningJobObjective"], config["ResourceLimits"]
    arguments = {
        "objective_metric_name": repr(objective["MetricName"]),
        "objective_type": repr(objective["Type"]),
        "strategy": repr(config["Strategy"]),
        "hyperparameter_ranges": _dict(_ranges(config["ParameterRanges"])),
        "max_parallel_jobs": repr(limits["MaxParallelTrainingJobs"]),
        "early_stopping_type": repr(config["TrainingJobEarlyStoppingType"]),
        "random_seed": repr(config["RandomSeed"]),
    }
    if "MaxNumberOfTrainingJobs" in limits:
        arguments["max_jobs"] = repr(limits["MaxNumberOfTrainingJobs"])
    if "MaxRuntimeInSeconds" in limits:
        arguments["max_runtime_in_seconds"] = repr(limits["MaxRuntimeInSeconds"])
    return _head(definition, definition["StaticHyperParameters"], account) + TUNE.format(
        arguments=_lines(arguments)
    )


def _head(
    definition: Mapping[str, Any], values: Mapping[str, str], account: Mapping[str, Any]
) -> str:
    algorithm = definition["AlgorithmSpecification"]
    metrics = {entry["Name"]: repr(entry["Regex"]) for entry in algorithm["MetricDefinitions"]}
    inputs = "".join(
        f"    {_input(channel)},\n"
        for channel in definition["InputDataConfig"]
        if channel["ChannelName"] != CODE_CHANNEL
    )
    return HEAD.format(
        region=account.get("region", ""),
        bucket=account.get("bucket", ""),
        metrics=_dict(metrics, 0),
        inputs=f"[\n{inputs}]",
        arguments=_lines(_trainer(definition, values)),
    )


def _trainer(definition: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments of ModelTrainer, as Python code."""
    output, limit = definition["OutputDataConfig"], definition["StoppingCondition"]
    own = {name: repr(value) for name, value in values.items() if not name.startswith("sagemaker_")}
    arguments = {
        "training_image": repr(definition["AlgorithmSpecification"]["TrainingImage"]),
        "role": repr(definition["RoleArn"]),
        "source_code": _call(
            "SourceCode",
            source_dir=_source(definition, values),
            entry_script=values["sagemaker_program"],
        ),
        "compute": _compute(definition),
        "stopping_condition": _call(
            "StoppingCondition",
            max_runtime_in_seconds=limit["MaxRuntimeInSeconds"],
            max_wait_time_in_seconds=limit.get("MaxWaitTimeInSeconds"),
        ),
        "output_data_config": _call(
            "OutputDataConfig",
            s3_output_path=output["S3OutputPath"],
            kms_key_id=output.get("KmsKeyId"),
        ),
        "hyperparameters": _dict(own),
    }
    if kept := definition.get("CheckpointConfig"):
        arguments["checkpoint_config"] = _call(
            "CheckpointConfig", s3_uri=kept["S3Uri"], local_path=kept["LocalPath"]
        )
    if definition["EnableNetworkIsolation"] or "VpcConfig" in definition:
        arguments["networking"] = _networking(definition)
    return arguments


def _source(definition: Mapping[str, Any], values: Mapping[str, str]) -> str:
    """Return the location of the scripts: their channel, or the toolkit's setting."""
    for channel in definition["InputDataConfig"]:
        if channel["ChannelName"] == CODE_CHANNEL:
            return str(channel["DataSource"]["S3DataSource"]["S3Uri"])
    return values["sagemaker_submit_directory"]


def _compute(definition: Mapping[str, Any]) -> str:
    machines = definition["ResourceConfig"]
    return _call(
        "Compute",
        instance_type=machines["InstanceType"],
        instance_count=machines["InstanceCount"],
        volume_size_in_gb=machines["VolumeSizeInGB"],
        volume_kms_key_id=machines.get("VolumeKmsKeyId"),
        enable_managed_spot_training=definition["EnableManagedSpotTraining"] or None,
    )


def _networking(definition: Mapping[str, Any]) -> str:
    vpc = definition.get("VpcConfig", {})
    encrypted = definition["EnableInterContainerTrafficEncryption"]
    return _call(
        "Networking",
        subnets=vpc.get("Subnets"),
        security_group_ids=vpc.get("SecurityGroupIds"),
        enable_network_isolation=definition["EnableNetworkIsolation"] or None,
        enable_inter_container_traffic_encryption=encrypted or None,
    )


def _input(channel: Mapping[str, Any]) -> str:
    source = channel["DataSource"]["S3DataSource"]
    found = _call(
        "S3DataSource",
        s3_data_type=source["S3DataType"],
        s3_uri=source["S3Uri"],
        s3_data_distribution_type=source["S3DataDistributionType"],
    )
    given = f"channel_name={channel['ChannelName']!r}, input_mode={channel['InputMode']!r}"
    return f"Channel({given}, data_source=DataSource(s3_data_source={found}))"


def _ranges(given: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for kind, entries in given.items():
        for entry in entries:
            if kind == "CategoricalParameterRanges":
                found[entry["Name"]] = f"{_KINDS[kind]}({entry['Values']!r})"
            else:
                found[entry["Name"]] = (
                    f"{_KINDS[kind]}({entry['MinValue']}, {entry['MaxValue']}, "
                    f"scaling_type={entry['ScalingType']!r})"
                )
    return found


def _call(name: str, **values: Any) -> str:
    """Return `Name(a=1)`, without arguments that are None."""
    given = (f"{key}={value!r}" for key, value in values.items() if value is not None)
    return f"{name}({', '.join(given)})"


def _dict(values: Mapping[str, str], indent: int = 4) -> str:
    """Return a dictionary of names to Python code, one entry per line."""
    inside = " " * (indent + 4)
    return (
        "{\n"
        + "".join(f"{inside}{name!r}: {text},\n" for name, text in values.items())
        + " " * indent
        + "}"
    )


def _lines(arguments: Mapping[str, str]) -> str:
    return "\n".join(f"    {name}={text}," for name, text in arguments.items())
