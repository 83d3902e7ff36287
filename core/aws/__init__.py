"""The AWS account: credentials, clients, S3, images, permissions and prices."""
