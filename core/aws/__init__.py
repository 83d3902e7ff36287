"""The AWS account that everything on Amazon stands on: credentials, clients, S3, images,
permissions, prices."""
