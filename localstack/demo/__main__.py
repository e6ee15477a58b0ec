"""`python -m localstack.demo URL`, with the token in NIGHTJAR_TOKEN: the demo, in a process of its own."""

import os
import sys

from localstack.demo import DemoError, make_demo

try:
    make_demo(sys.argv[1], os.environ["NIGHTJAR_TOKEN"])
except DemoError as error:
    sys.exit(f"The demo is not complete: {error}")
except KeyboardInterrupt:
    sys.exit(130)
