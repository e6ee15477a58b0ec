"""The doors to AWS: the only importers of boto3 and of PynamoDB's connections."""
