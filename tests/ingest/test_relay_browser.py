"""A page in a real Chromium holds a call through the relay, as a browser's SDK would: its key among the subprotocols."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from ingest.envelope import Source
from tests import browser
from tests.ingest.relay_world import PATH, echo, on_disk, relaying, upstream

CALL = """([url, subprotocols]) => new Promise((told) => {
    const socket = new WebSocket(url, subprotocols), got = [];
    socket.onopen = () => socket.send('{"type":"session.update"}');
    socket.onmessage = (event) => { got.push(socket.protocol, typeof event.data, event.data); socket.close(1000, "bye"); };
    socket.onclose = (event) => told([...got, event.code]);
})"""


@pytest.mark.browser
async def test_a_page_gets_its_subprotocol_and_its_text(tmp_path: Path) -> None:
    subprotocols = ["realtime", "openai-insecure-api-key.sk-page", "openai-agents-sdk.0.20.0"]
    async with (
        upstream(echo, select_subprotocol=lambda *_: None, compression="deflate") as url,
        relaying(url, tmp_path) as relay,
        async_playwright() as playwright,
    ):
        chromium = await playwright.chromium.launch(executable_path=browser.found(), args=["--no-sandbox"])
        page = await chromium.new_page()
        got = await page.evaluate(CALL, [relay.url + PATH, subprotocols])
        await chromium.close()
        await relay.closing()

    assert got == ["realtime", "string", '{"type":"session.update"}', 1000]
    # Chromium compresses: what is recorded was read through that.
    assert relay.said_by(Source.CLIENT) == relay.said_by(Source.SERVER) == [b'{"type":"session.update"}']
    assert b"sk-page" not in on_disk(tmp_path)
