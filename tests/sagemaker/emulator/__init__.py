"""A stand-in for Amazon SageMaker on one loopback port, which really executes what it is asked to.

Its own control plane answers SageMaker's API and checks every request against botocore's model of it; AWS's own training and inference
toolkits run as ordinary processes in an environment of their own (tests/sagemaker/containers.py); moto, in the same server, gives S3,
CloudWatch Logs, CloudWatch, IAM and STS. `python -m tests.sagemaker.emulator --root DIR` runs it.

What it can't show is said in README.md.
"""
