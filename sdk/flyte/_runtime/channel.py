"""The runner's end of the socket to its agent: blocking, one frame at a time, safe from any thread."""

import socket
import threading

from flyte._runtime.messages import Message, in_lane, pack, unpack


class Channel:
    """Frames out under a lock, frames in by one reader."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send one message. Raises OSError when the agent is gone."""
        self.send_frame(pack(message))

    def send_frame(self, frame: bytes) -> None:
        """Send a message that is packed. Raises OSError when the agent is gone."""
        with self._sending:
            self._connection.sendall(frame)

    def receive(self) -> Message | None:
        """The next message; None when the agent has closed the socket."""
        head = self._exactly(4)
        if head is None:
            return None
        body = self._exactly(int.from_bytes(head, "big"))
        return None if body is None else unpack(body)

    def receive_in(self) -> tuple[int, Message] | None:
        """The next message and its lane; None when the agent has closed the socket."""
        head = self._exactly(8)
        if head is None:
            return None
        body = self._exactly(int.from_bytes(head[:4], "big"))
        return None if body is None else (int.from_bytes(head[4:], "big"), unpack(body))

    def close(self) -> None:
        """Close the socket; whoever reads from it must have ended."""
        self._incoming.close()
        self._connection.close()

    def _exactly(self, size: int) -> bytes | None:
        data = self._incoming.read(size)
        return data if len(data) == size else None


class LaneChannel(Channel):
    """One lane of a channel that several attempts share: what comes in is handed out by who reads it."""

    def __init__(self, whole: Channel, lane: int) -> None:
        self._whole = whole
        self._lane = lane

    def send_frame(self, frame: bytes) -> None:
        self._whole.send_frame(in_lane(self._lane, frame))
