from __future__ import annotations

import asyncio
import traceback
from contextlib import aclosing

import msgspec
import pytest

from retinue.bus.errors import ConfigError, ModelError
from retinue.plugins.llm import Message, ModelRefused, complete, structured
from retinue.plugins.llm.openai import OpenAIModel

KEY = "sk-test-0123456789"
HELLO = [Message("user", "Say hello.")]

pytestmark = pytest.mark.model


class Verdict(msgspec.Struct):
    supported: bool


def test_an_answer_streams_from_an_openai_compatible_server(openai_url):
    model = OpenAIModel("smollm2", api_key=KEY, base_url=openai_url)

    async def deltas():
        async with aclosing(model.stream(HELLO, max_tokens=8)) as stream:
            return [delta async for delta in stream]

    streamed = asyncio.run(deltas())
    assert len([delta for delta in streamed if delta.text]) > 1
    assert streamed[-1].usage.output_tokens <= 8
    assert [delta.finish for delta in streamed if delta.finish] in (["stop"], ["length"])


def test_a_structured_answer_comes_from_an_openai_compatible_server(openai_url):
    model = OpenAIModel("smollm2", api_key=KEY, base_url=openai_url)
    asked = [Message("user", "Snow is white. Is it said that snow is white?")]
    assert isinstance(asyncio.run(structured(model, asked, Verdict)), Verdict)


def test_a_wrong_key_is_refused_and_appears_in_no_error_or_repr(openai_url):
    secret = "sk-wrong-abcdefghij"
    model = OpenAIModel("smollm2", api_key=secret, base_url=openai_url)
    with pytest.raises(ModelRefused) as refused:
        asyncio.run(complete(model, HELLO))
    assert refused.value.status == 401
    assert secret not in f"{refused.value!r} {model!r} {refused.value.__context__!r}"


def test_a_closed_stream_frees_the_only_slot_of_the_server(openai_url):
    model = OpenAIModel("smollm2", api_key=KEY, base_url=openai_url)

    async def start_a_long_answer_and_leave():
        async with aclosing(model.stream(HELLO, max_tokens=100_000)) as stream:
            await anext(stream)
        return await complete(model, HELLO, max_tokens=2)

    assert asyncio.run(start_a_long_answer_and_leave()).text


def test_nobody_listening_is_a_model_error_that_names_the_model():
    model = OpenAIModel("smollm2", api_key=KEY, base_url="http://127.0.0.1:1/v1")
    with pytest.raises(ModelError, match="smollm2"):
        asyncio.run(complete(model, HELLO))


def test_a_429_says_how_long_to_wait_before_asking_again():
    with pytest.raises(ModelRefused, match=r"'frail' refused with HTTP 429.*slow it") as refused:
        asyncio.run(ask_a_server_that_sends(refusal("429 Too Many", "slow it", "Retry-After: 7")))
    assert refused.value.retry_after == 7.0


def test_a_key_that_the_endpoint_repeats_is_cut_out_of_the_error():
    with pytest.raises(ModelRefused, match=r"bad \[key\]") as refused:
        asyncio.run(ask_a_server_that_sends(refusal("401 Unauthorized", f"bad {KEY}")))
    assert KEY not in "".join(traceback.format_exception(refused.value))


def test_a_stream_that_stops_halfway_is_a_model_error():
    event = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    broken = head + f"{len(event):x}\r\n".encode() + event + b"\r\n"
    with pytest.raises(ModelError, match="'frail' broke off"):
        asyncio.run(ask_a_server_that_sends(broken))


def test_the_environment_names_model_key_and_endpoint():
    env = {"OPENAI_MODEL": "m", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost:1/v1"}
    assert repr(OpenAIModel.from_environment(env)) == "<OpenAIModel m at http://localhost:1/v1>"


def test_an_environment_without_a_key_says_what_is_missing():
    with pytest.raises(ConfigError, match="OPENAI_API_KEY not set"):
        OpenAIModel.from_environment({"OPENAI_MODEL": "m"})


def refusal(status, message, *headers):
    body = f'{{"error": {{"message": "{message}"}}}}'
    head = [f"HTTP/1.1 {status}", *headers, "Content-Type: application/json", "Connection: close"]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode()


async def ask_a_server_that_sends(reply):
    """Ask a real socket that reads one request, sends ``reply`` and closes."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        model = OpenAIModel("frail", api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1")
        return await complete(model, HELLO)
