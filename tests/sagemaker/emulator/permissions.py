"""Who may do what: everything, but for the actions that a test denies to everybody or to roles; IAM's simulator says the same beforehand."""

from __future__ import annotations

import fnmatch
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from tests.sagemaker.emulator.errors import ApiError
from tests.sagemaker.emulator.world import World

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


class Permissions:
    """`Settings.denied` holds patterns of actions as in policies: `sagemaker:CreateEndpoint`, `s3:*`, `iam:PassRole`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def allowed(self, action: str, principal: str = "") -> bool:
        """Return whether nothing denies the action; a `principal` that is a role has less."""
        settings = self._world.settings
        patterns = settings.denied
        if ":role/" in principal:
            patterns = [*settings.denied, *settings.role_denied]
        return not any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)

    def check(self, service: str, operation: str, request: Request) -> None:
        """ApiError if the action is denied."""
        action = s3_action(request) if service == "s3" else operation
        if not self.allowed(f"{service}:{action}"):
            raise refused(service, action)

    def simulate(self, request: Request) -> Response:
        """SimulatePrincipalPolicy's answer for the asked actions, each on each resource."""
        actions = [
            value for name, value in request.form.items() if name.startswith("ActionNames.member.")
        ]
        resources = [
            value for name, value in request.form.items() if name.startswith("ResourceArns.member.")
        ] or ["*"]
        principal = request.form["PolicySourceArn"]
        results = "".join(
            f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
            f"<EvalDecision>{'allowed' if self.allowed(action, principal) else 'implicitDeny'}</EvalDecision>"
            "<MatchedStatements/><MissingContextValues/></member>"
            for action in actions
            for resource in resources
        )
        body = (
            f'<SimulatePrincipalPolicyResponse xmlns="{NAMESPACE}"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>'
            f"<EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>"
            "<ResponseMetadata><RequestId>emulated</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>"
        )
        return Response(body, content_type="text/xml")


def s3_action(request: Request) -> str:
    """Return the action that a policy names for this request: S3's operations are told apart by
    method and path alone."""
    bucket, _, key = request.path.lstrip("/").partition("/")
    if key:
        return {"GET": "GetObject", "HEAD": "GetObject", "DELETE": "DeleteObject"}.get(
            request.method, "PutObject"
        )
    if not bucket:
        return "ListAllMyBuckets"
    if "policy" in request.args:
        return {"GET": "GetBucketPolicy", "PUT": "PutBucketPolicy"}[request.method]
    if request.method == "GET":
        return "GetBucketLocation" if "location" in request.args else "ListBucket"
    return {"PUT": "CreateBucket", "HEAD": "ListBucket", "DELETE": "DeleteBucket"}.get(
        request.method, "DeleteObject"
    )


def s3_operation(request: Request) -> str:
    """Return the operation as S3's API calls it, where that says more than the action of a
    policy."""
    if request.method == "HEAD":
        return "HeadObject" if "/" in request.path.strip("/") else "HeadBucket"
    if "x-amz-copy-source" in request.headers:
        return "CopyObject"
    action = s3_action(request)
    return "ListObjectsV2" if action == "ListBucket" else action


def refused(service: str, operation: str) -> ApiError:
    action = f"{service}:{operation}"
    return ApiError(
        "AccessDeniedException",
        f"User: arn:aws:iam::123456789012:user/demo is not authorized to perform: {action} on resource: * "
        f"because no identity-based policy allows the {action} action",
    )
