"""The form a photograph is sent in: what S3's presigned POST asks for, watched and stoppable."""

import threading
import uuid
from collections.abc import Callable, Mapping


class StoppedError(Exception):
    """`Client.stop()` was called while this call was under way."""


class Form:
    """A multipart form with a file at its end, read in pieces so that sending can be watched and stopped."""

    def __init__(
        self,
        fields: Mapping[str, str],
        data: bytes,
        on_bytes: Callable[[int], None],
        stopping: threading.Event,
    ) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        # The photograph's own name stays out of the form: the key among the fields decides, and
        # quotes or line breaks in a name would need escaping that storages disagree about.
        parts = [*fields.items(), ('file"; filename="file', "")]
        head = "\r\n".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
            for name, value in parts
        )
        self._pieces = [
            memoryview(head.encode()),
            memoryview(data),
            memoryview(f"\r\n--{boundary}--\r\n".encode()),
        ]
        self._length = sum(map(len, self._pieces))
        self._on_bytes = on_bytes
        self._stopping = stopping
        self._piece = self._at = self._told = 0

    def __len__(self) -> int:
        return self._length

    def rewind(self) -> None:
        """Back to the beginning, for the next attempt."""
        self._on_bytes(-self._told)
        self._piece = self._at = self._told = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        if self._stopping.is_set():
            raise StoppedError
        while self._piece < len(self._pieces):
            piece = self._pieces[self._piece]
            part = piece[self._at : self._at + size] if size >= 0 else piece[self._at :]
            if part:
                self._at += len(part)
                if self._piece == 1:
                    self._told += len(part)
                    self._on_bytes(len(part))
                return bytes(part)
            self._piece, self._at = self._piece + 1, 0
        return b""
