"""What plays AWS's part between the engines and the functions: one pump per kind of event source."""

from localstack.embedded.invocation import Function, Handler, LambdaContext
from localstack.embedded.pump import Pump
from localstack.embedded.queue_pump import QueuePump
from localstack.embedded.schedule_pump import SchedulePump
from localstack.embedded.stream_pump import StreamPump

__all__ = ["Function", "Handler", "LambdaContext", "Pump", "QueuePump", "SchedulePump", "StreamPump"]
