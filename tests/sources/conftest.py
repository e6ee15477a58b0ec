"""A foreign bucket, and a project that has it for a data source."""

from foreign import foreign, make, private, project, ssm

__all__ = ["foreign", "make", "private", "project", "ssm"]
