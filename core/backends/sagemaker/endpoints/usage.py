"""A SageMaker endpoint from code: programs that send it a photo, ready to run with AWS
credentials."""

from __future__ import annotations

from core.backends.base import Program

MEDIA_TYPE = "application/x-image"


def programs(name: str, region: str, address: str = "") -> list[Program]:
    """Return programs for boto3, the AWS CLI and the SageMaker SDK (v3).

    `address` is that of an emulator, or ''.
    """
    return [
        Program("boto3", "One photo, with boto3:", "python", _boto3(name, region, address)),
        Program(
            "AWS CLI",
            "From a terminal, with the AWS CLI:",
            "bash",
            _cli(name, region, address),
        ),
        Program(
            "SageMaker SDK",
            "With the SageMaker SDK, version 3 (pip install sagemaker):",
            "python",
            _sdk(name, region),
        ),
    ]


def _boto3(name: str, region: str, address: str) -> str:
    where = ""
    if address:
        where = f', endpoint_url="{address}"'
    return (
        "import json\n\nimport boto3\n\n"
        f'client = boto3.client("sagemaker-runtime", region_name="{region}"{where})\n'
        'with open("photo.jpg", "rb") as photo:\n'
        "    answer = client.invoke_endpoint(\n"
        f'        EndpointName="{name}",\n'
        f'        ContentType="{MEDIA_TYPE}",\n'
        '        Accept="application/json",\n'
        "        Body=photo.read(),\n"
        "    )\n"
        'print(json.load(answer["Body"])["predictions"][0])'
    )


def _cli(name: str, region: str, address: str) -> str:
    where = ""
    if address:
        where = f" --endpoint-url {address}"
    return (
        f"aws sagemaker-runtime invoke-endpoint --region {region}{where} --endpoint-name "
        f"{name} \\\n"
        f"  --content-type {MEDIA_TYPE} --body fileb://photo.jpg answer.json && cat answer.json"
    )


def _sdk(name: str, region: str) -> str:
    return (
        "import json\n\nimport boto3\nfrom sagemaker.core.resources import Endpoint\n\n"
        f'endpoint = Endpoint.get("{name}", session=boto3.Session(region_name="{region}"))\n'
        'with open("photo.jpg", "rb") as photo:\n'
        f'    answer = endpoint.invoke(body=photo.read(), content_type="{MEDIA_TYPE}", '
        'accept="application/json")\n'
        'print(json.loads(answer.body.read())["predictions"][0])'
    )
