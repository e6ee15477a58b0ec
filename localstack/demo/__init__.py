"""A demo to look around in: two stations, two nights each, of drawn photographs.

make_demo("http://127.0.0.1:8000", token)
"""

from localstack.demo.make import DemoError, make_demo

__all__ = ["DemoError", "make_demo"]
