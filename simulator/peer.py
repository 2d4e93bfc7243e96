"""An answering WebRTC peer: the browser's microphone in, the agent's voice out, events on the data channel.

The only file that imports aiortc, an extra of its own (`calltape[webrtc]`).
"""

import asyncio
import fractions
import time
from collections import deque

import numpy as np
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from av import AudioFrame, AudioResampler

from simulator.audio import Samples
from simulator.live_call import LiveCall
from simulator.voice import RATE

FRAME = RATE // 50
"""Samples of 20 ms."""
UNSENT_MAX = 1_000
"""Events that wait for the data channel to open; of more the oldest are dropped."""
GATHER_SECONDS = 10.0


class Peers:
    """The peer connections of a simulator."""

    def __init__(self) -> None:
        self._connections: set[RTCPeerConnection] = set()
        self._listening: set[asyncio.Task[None]] = set()

    async def answer(self, offer: str, call: LiveCall) -> str:
        """The SDP answer to an offer, for this call. Raises ValueError where the offer can't be read."""
        connection = RTCPeerConnection()
        self._connections.add(connection)
        voice = Voice()
        call.loudspeaker = voice
        self._follow(connection, call)
        try:
            async with asyncio.timeout(GATHER_SECONDS):
                await connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
                connection.addTrack(voice)
                await connection.setLocalDescription(await connection.createAnswer())
        except (ValueError, TypeError, KeyError, IndexError, AssertionError, AttributeError, TimeoutError) as fault:
            # aiortc's parser raises whatever its parts raise.
            await connection.close()
            raise ValueError(str(fault) or type(fault).__name__) from fault
        return connection.localDescription.sdp

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in list(self._connections)))
        for task in self._listening:
            task.cancel()

    def _follow(self, connection: RTCPeerConnection, call: LiveCall) -> None:
        def on_track(track: MediaStreamTrack) -> None:
            if track.kind == "audio":
                task = asyncio.ensure_future(_listen(track, call))
                self._listening.add(task)
                task.add_done_callback(self._listening.discard)

        def on_channel(channel: RTCDataChannel) -> None:
            channel.on("message", call.receive)
            call.greet(ChannelLeg(channel))

        async def on_state() -> None:
            if connection.connectionState in {"closed", "failed"}:
                call.caller_left()
                self._connections.discard(connection)
                await connection.close()

        async def close_after_call() -> None:
            await call.over.wait()
            await connection.close()

        connection.on("track", on_track)
        connection.on("datachannel", on_channel)
        connection.on("connectionstatechange", on_state)
        closing = asyncio.ensure_future(close_after_call())
        self._listening.add(closing)
        closing.add_done_callback(self._listening.discard)


class ChannelLeg:
    """The data channel `oai-events` as a leg of the call."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._unsent: deque[bytes] = deque(maxlen=UNSENT_MAX)
        channel.on("open", self._send_unsent)

    def tell(self, event: bytes) -> None:
        self._unsent.append(event)
        self._send_unsent()

    def hang_up(self, code: int, reason: str) -> None:
        """The peer connection closes by itself."""

    def _send_unsent(self) -> None:
        while self._channel.readyState == "open" and self._unsent:
            self._channel.send(self._unsent.popleft().decode())


class Voice(AudioStreamTrack):
    """The agent's voice in real time; silence where it says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._unplayed: deque[Samples] = deque()
        self._began = 0.0
        self._sent = 0

    def play(self, samples: Samples) -> None:
        self._unplayed.append(samples)

    def hush(self) -> None:
        self._unplayed.clear()

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(self._began + self._sent / RATE - time.monotonic(), 0))
        frame = AudioFrame.from_ndarray(self._next().reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, fractions.Fraction(1, RATE)
        self._sent += FRAME
        return frame

    def _next(self) -> Samples:
        chunk = np.zeros(FRAME, dtype=np.int16)
        filled = 0
        while self._unplayed and filled < FRAME:
            piece = self._unplayed.popleft()
            taken = piece[: FRAME - filled]
            chunk[filled : filled + len(taken)] = taken
            filled += len(taken)
            if len(taken) < len(piece):
                self._unplayed.appendleft(piece[len(taken) :])
        return chunk


async def _listen(track: MediaStreamTrack, call: LiveCall) -> None:
    """Feed the microphone's sound to the call, until it ends."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame), "an audio track gives audio"
        for piece in resampler.resample(frame):
            call.hear(piece.to_ndarray().reshape(-1).astype(np.int16))
