"""What a request names must be there before anything starts: role, image, buckets, data, keys, networks."""

from __future__ import annotations

import json
from urllib.parse import unquote

from botocore.exceptions import ClientError

from tests.sagemaker.emulator.errors import ApiError, invalid
from tests.sagemaker.emulator.images import Images
from tests.sagemaker.emulator.permissions import Permissions
from tests.sagemaker.emulator.storage import Storage, split
from tests.sagemaker.emulator.world import ACCOUNT, REGION, Record, World


class References:
    """Each check asks the service that would be asked, as the emulator itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._permissions = Permissions(world)
        self.images = Images(world.storage, self._permissions)

    @property
    def _storage(self) -> Storage:
        return self._world.storage

    def training(self, request: Record) -> None:
        """ApiError if something that a training job's request names is not there."""
        role = request["RoleArn"]
        self.role(role)
        self.images.for_training(request["AlgorithmSpecification"], role)
        self.bucket(request["OutputDataConfig"]["S3OutputPath"])
        self.key(request["OutputDataConfig"].get("KmsKeyId"))
        self.key(request["ResourceConfig"].get("VolumeKmsKeyId"))
        self.network(request.get("VpcConfig"))
        for channel in request.get("InputDataConfig", []):
            self.data(channel["DataSource"]["S3DataSource"]["S3Uri"], role)

    def transform(self, request: Record, role: str) -> None:
        """The same for a transform job, whose role is its model's."""
        self.bucket(request["TransformOutput"]["S3OutputPath"])
        self.key(request["TransformOutput"].get("KmsKeyId"))
        self.key(request["TransformResources"].get("VolumeKmsKeyId"))
        self.data(request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"], role)

    def model(self, request: Record, container: Record) -> None:
        """The same for a model."""
        role = request["ExecutionRoleArn"]
        self.role(role)
        self.images.for_model(container, role)
        self.network(request.get("VpcConfig"))

    def role(self, arn: str) -> None:
        """ApiError unless it is a role of this account that SageMaker may assume."""
        if arn.split(":")[4] != ACCOUNT:
            raise ApiError("AccessDeniedException", "Cross-account pass role is not allowed.")
        try:
            found = self._storage.iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
        except ClientError:
            found = {}
        trust = found.get("AssumeRolePolicyDocument", {})
        text = unquote(trust) if isinstance(trust, str) else json.dumps(trust)
        if found.get("Arn") != arn or "sagemaker.amazonaws.com" not in text:
            raise invalid(
                f"Could not assume role {arn}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to "
                "assume the role."
            )

    def bucket(self, uri: str) -> None:
        """ApiError if there is no such bucket."""
        bucket, _ = split(uri)
        try:
            self._storage.s3.head_bucket(Bucket=bucket)
        except ClientError:
            raise invalid(
                f"Invalid S3OutputPath {uri}: the bucket {bucket} does not exist."
            ) from None

    def data(self, uri: str, role: str) -> None:
        """ApiError if there is nothing below a prefix, or the role must not look."""
        bucket, prefix = split(uri)
        try:
            found = self._storage.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        except ClientError:
            found = {}
        if not found.get("Contents") or not self._permissions.allowed("s3:ListBucket", role):
            raise invalid(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in the '
                f'selected region ({REGION}), that objects exist under that S3 prefix, and that the role "{role}" has '
                f'"s3:ListBucket" permissions on bucket "{bucket}".'
            )

    def key(self, key: str | None) -> None:
        """ApiError if a key is named that is not there."""
        if not key:
            return
        try:
            self._storage.client("kms").describe_key(KeyId=key)
        except ClientError as error:
            raise invalid(
                f"KMS key {key} cannot be used: {error.response['Error']['Message']}"
            ) from None

    def network(self, vpc: Record | None) -> None:
        """ApiError if a subnet or a security group is not there."""
        if not vpc:
            return
        ec2 = self._storage.client("ec2")
        try:
            ec2.describe_subnets(SubnetIds=vpc["Subnets"])
            ec2.describe_security_groups(GroupIds=vpc["SecurityGroupIds"])
        except ClientError as error:
            raise invalid(error.response["Error"]["Message"]) from None
