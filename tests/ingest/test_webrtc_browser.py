"""A page in a real Chromium holds a WebRTC call with a fake microphone through the worker, as browser code does."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from ingest.envelope import Source
from simulator.server import serve
from simulator.settings import SimulatorSettings
from simulator.web import WebAnswer, WebExchange, WebRequest
from tests import browser
from tests.ingest.relay_world import on_disk, relaying
from tests.ingest.test_webrtc import seen

SPEECH = Path(__file__).parents[2] / "simulator" / "speech" / "queen_of_clubs.wav"
CUSTODY: dict[str, Any] = {"api_key": "sk-of-the-house", "relay_keys": {"shop": "relay-key-of-the-shop"}}
CALL = """async ([base, key]) => {
    const got = [], pc = new RTCPeerConnection();
    const line = pc.addTransceiver("audio").sender;
    window.speak = async () => {
        const microphone = await navigator.mediaDevices.getUserMedia({audio: true});
        await line.replaceTrack(microphone.getTracks()[0]);
    };
    const sound = new Promise((heard) => { pc.ontrack = (event) => heard(event.track.kind); });
    const channel = pc.createDataChannel("oai-events");
    const over = new Promise((done) => {
        channel.onmessage = (event) => {
            const type = JSON.parse(event.data).type;
            got.push(type);
            if (type === "output_audio_buffer.stopped") done();
        };
    });
    await pc.setLocalDescription(await pc.createOffer());
    const minted = await fetch(base + "/realtime/client_secrets", {
        method: "POST", body: JSON.stringify({session: {type: "realtime", model: "gpt-realtime"}}),
        headers: {Authorization: "Bearer " + key, "Content-Type": "application/json"},
    });
    const secret = (await minted.json()).value;
    const answer = await fetch(base + "/realtime/calls", {
        method: "POST", body: pc.localDescription.sdp,
        headers: {Authorization: "Bearer " + secret, "Content-Type": "application/sdp"},
    });
    await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
    await over;
    const told = {status: answer.status, location: answer.headers.get("Location"), sound: await sound, got, secret};
    pc.close();
    return told;
}"""


SILENCE_S = 1


def spoken(folder: Path) -> Path:
    """What the microphone hears: silence, then somebody who says something once."""
    with wave.open(str(SPEECH)) as speech, wave.open(str(folder / "spoken.wav"), "wb") as heard:
        heard.setparams(speech.getparams())
        heard.writeframes(bytes(SILENCE_S * speech.getframerate() * speech.getsampwidth() * speech.getnchannels()))
        heard.writeframes(speech.readframes(speech.getnframes()))
    return folder / "spoken.wav"


@asynccontextmanager
async def page_of_an_app(folder: Path) -> AsyncIterator[tuple[Page, str]]:
    """A page served by somebody else than the worker, and its origin."""

    async def empty_page(_: WebRequest) -> WebAnswer:
        return WebAnswer(status=200, headers={"Content-Type": "text/html"}, body=b"<title>app</title>")

    server = await asyncio.get_running_loop().create_server(lambda: WebExchange(empty_page), "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"]
    flags.append(f"--use-file-for-fake-audio-capture={spoken(folder)}%noloop")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser.found(), args=flags)
        context = await chromium.new_context(permissions=["microphone"])
        page = await context.new_page()
        await page.goto(origin)
        yield page, origin
        await chromium.close()
    server.close()


@pytest.mark.browser
async def test_a_call_of_a_page_is_in_the_log_with_its_turn_and_its_playout(tmp_path: Path) -> None:
    async with page_of_an_app(tmp_path) as (page, origin), serve(SimulatorSettings(port=0)) as simulator:
        settings: dict[str, Any] = {"sideband_quiet_seconds": 0.5, "cors_origins": [origin], **CUSTODY}
        async with relaying(simulator.base_url.removesuffix("/v1"), tmp_path, **settings) as relay:
            base = relay.url.replace("ws:", "http:") + "/v1"
            call = asyncio.ensure_future(page.evaluate(CALL, [base, "relay-key-of-the-shop"]))
            # Nothing is said before the sideband listens: what was before it attached, it is never told.
            await seen(relay, "upstream.connected")
            await page.evaluate("speak()")
            told = await call
            await relay.closing()
            types = [event.type for event in relay.events() if event.source is Source.SERVER]

    assert told["status"] == 201
    assert told["location"].startswith("/v1/realtime/calls/rtc_")
    assert told["sound"] == "audio"
    turn = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "response.created"]
    playout = ["output_audio_buffer.started", "output_audio_buffer.stopped"]
    assert [kind for kind in types if kind in {*turn, *playout}] == [*turn, *playout]
    # The page and the sideband were told the same, but for the beginning.
    assert [kind for kind in told["got"] if kind != "session.created"] == types[: len(told["got"]) - 1]
    assert told["secret"].encode() not in on_disk(tmp_path)


@pytest.mark.browser
async def test_a_page_of_another_origin_gets_nothing(tmp_path: Path) -> None:
    async with page_of_an_app(tmp_path) as (page, _), serve(SimulatorSettings(port=0)) as simulator:
        url = simulator.base_url.removesuffix("/v1")
        async with relaying(url, tmp_path, cors_origins=["https://app.example"]) as relay:
            base = relay.url.replace("ws:", "http:") + "/v1"
            told = await page.evaluate(
                """(base) => fetch(base + "/realtime/calls", {
                    method: "POST", body: "v=0", headers: {Authorization: "Bearer sk-1", "Content-Type": "application/sdp"},
                }).then((answer) => answer.status, (error) => error.message)""",
                base,
            )

    assert told == "Failed to fetch"
