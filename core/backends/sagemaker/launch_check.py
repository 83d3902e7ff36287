"""The pre-flight checks of one job, before a byte of it is uploaded."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from core.aws import connection, containers, preflight, quotas
from core.aws.account import Account
from core.aws.checks import Check, Verdict
from core.aws.quotas import Wanted
from core.backends.sagemaker.endpoints import serving_image
from core.errors import UserError
from core.jobs import specs

if TYPE_CHECKING:
    from core.jobs.specs import Resources


def require(spec: specs.Spec, account: Account) -> None:
    """Raise UserError, naming the field, if a check shows that the job would fail. What AWS does
    not answer in time, or denies to answer, is no reason to refuse."""
    resources = getattr(spec, "resources", None)
    if resources is None:
        return
    client = functools.partial(connection.client, region=account.region)
    for check in preflight.run(account, wanted(spec, resources, account), client):
        if check.verdict is Verdict.BAD:
            raise UserError(_words(check), field=_field(check, resources))


def wanted(spec: specs.Spec, resources: Resources, account: Account) -> list[Wanted]:
    """Return what the job would use of the account's quotas."""
    if isinstance(spec, specs.TrainingSpec | specs.TuningSpec):
        return [_training(spec, resources, account)]
    image = serving_image.image(resources.server, account, resources.instance_type)
    if resources.is_serverless:
        return [
            Wanted(quotas.SERVERLESS_MEMORY, resources.memory_mb, image),
            Wanted(quotas.SERVERLESS_CONCURRENCY, resources.concurrency, image),
        ]
    usage = "endpoint"
    if isinstance(spec, specs.TransformSpec):
        usage = "transform job"
    return [quotas.instances(resources.instance_type, usage, resources.instance_count, image)]


def _training(
    spec: specs.TrainingSpec | specs.TuningSpec, resources: Resources, account: Account
) -> Wanted:
    usage, jobs = "training job", 1
    if resources.spot:
        usage = "spot training job"
    if isinstance(spec, specs.TuningSpec):
        jobs = min(spec.parallel, spec.max_trials)
    image = containers.training(account, resources.instance_type)
    return quotas.instances(resources.instance_type, usage, jobs * resources.instance_count, image)


def _words(check: Check) -> str:
    """Return the finding and the fix; what there is to copy is on the AWS page."""
    if check.code:
        return f"{check.name}: {check.found} The pre-flight checks on the AWS page show the fix."
    return f"{check.name}: {check.found} {check.fix}".strip()


def _field(check: Check, resources: Resources) -> str:
    if check.name != quotas.NAME:
        return "backend"
    if resources.is_serverless:
        return "memory_mb"
    return "instance_type"
