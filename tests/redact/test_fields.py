"""Parameters marked ``Secret``: found in an input wherever they are, and not told by what describes them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest

from retinue.bus.errors import InvalidInput, TaskFailed
from retinue.kernel import Kernel
from retinue.plugins import AgentSpec, Context, Secret, agent, tool
from retinue.plugins.secret import SecretFields


class Account(msgspec.Struct):
    user: str
    password: Annotated[str, Secret] = "a default password"


def every(
    token: Annotated[str, Secret],
    name: str = "nobody",
    account: Account | None = None,
    keys: list[Annotated[str, Secret]] = [],  # noqa: B006
    by_host: dict[str, Annotated[str, Secret]] = {},  # noqa: B006
    pin: Annotated[int, Secret] = 0,
    blob: Annotated[dict[str, Any], Secret] = {},  # noqa: B006
    spare: Annotated[str, Secret] = "a spare default",
) -> None:
    """All the places."""


SPEC = tool(every)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"token": "the token"}, [("token", "the token")]),
        ({"token": "the token", "name": "no secret"}, [("token", "the token")]),
        ({"account": {"user": "u", "password": "the password"}}, [("password", "the password")]),
        ({"keys": ["first key", "second key"]}, [("keys", "first key"), ("keys", "second key")]),
        ({"by_host": {"a host": "its password"}}, [("by_host", "its password")]),
        ({"pin": 123456}, [("pin", "123456")]),
        ({"blob": {"a": ["inside it"], "b": {"c": "deeper in"}}},
         [("blob", "inside it"), ("blob", "deeper in")]),
        ({"token": "", "pin": 0, "account": None, "keys": []}, []),
        ({"token": "[secret:token]"}, []),
        ("not an object", []),
    ],
)  # fmt: skip
def test_each_marked_value_is_found_under_the_name_of_its_parameter(given, found) -> None:
    assert SPEC.secrets.find(given) == found


def test_a_schema_without_marks_has_no_secrets_to_look_for() -> None:
    def plain(text: str) -> None: ...

    assert SPEC.secrets.any
    assert not tool(plain).secrets.any
    assert SecretFields({}).find({"a": "b"}) == []


def test_the_schema_says_which_are_secret_and_tells_no_default_of_theirs() -> None:
    schema = SPEC.schema
    assert schema["properties"]["token"] == {"type": "string", "x-secret": True, "writeOnly": True}
    assert schema["properties"]["name"]["default"] == "nobody"
    assert "default password" not in json.dumps(schema)
    assert "spare default" not in json.dumps(schema)


def test_a_parameter_with_the_name_of_a_keyword_of_json_schema_stays() -> None:
    def odd(default: Annotated[str, Secret], properties: str = "x") -> None: ...

    assert set(tool(odd).schema["properties"]) == {"default", "properties"}


def test_neither_the_signature_nor_a_refusal_tells_a_default_that_is_secret() -> None:
    assert "spare default" not in repr(SPEC)
    with pytest.raises(InvalidInput) as refusal:
        SPEC.check({"unknown": 1})
    assert "spare default" not in str(refusal.value)
    assert "name: str = 'nobody'" in str(refusal.value)


def test_a_marked_value_that_is_too_short_is_refused_without_being_told() -> None:
    with pytest.raises(InvalidInput, match="secret 'token' has 4 characters") as refusal:
        SPEC.secrets.find({"token": "abcd"})
    assert "abcd" not in str(refusal.value)


@tool
def picky(choice: Literal["first", "second"], token: Annotated[str, Secret] = "") -> str:
    """Takes few things."""
    return choice


@agent(tools=[picky])
async def user(ctx: Context, what: str, choice: Literal["a", "b"] = "a", token: Annotated[str, Secret] = "in the code") -> Any:  # noqa: E501  # fmt: skip
    """Does as told."""
    if what == "refused":
        return await ctx.call("picky", choice=token, token=token)
    if what == "fail at length":
        raise ValueError("at length " + "x" * 1_980 + " " + token)
    if what == "remember":
        ctx.state["token"] = token
    if what == "recall":
        ctx.state["again"] = True
        return list(ctx.state["token"])
    return what


@pytest.fixture
def kernel():
    with Kernel() as started:
        started.spawn("user", user)
        yield started


def written(kernel: Kernel) -> str:
    return "".join(str(event.data) for event in kernel.events("start", follow=False) if event)


def test_a_submission_that_is_refused_because_of_a_secret_does_not_tell_it(kernel) -> None:
    with pytest.raises(InvalidInput, match=r"\[secret:token\]") as refusal:
        kernel.submit(
            "user", {"what": "x", "choice": "hunter2-hunter2", "token": "hunter2-hunter2"}
        )
    assert "hunter2" not in str(refusal.value)


def test_a_call_that_is_refused_because_of_a_secret_does_not_tell_it(kernel) -> None:
    task = kernel.submit("user", {"what": "refused", "token": "hunter2-hunter2"})
    with pytest.raises(Exception, match=r"\[secret:token\]"):
        task.result(timeout=10)
    assert "hunter2" not in written(kernel)


def test_a_secret_that_the_end_of_a_long_error_cuts_in_two_is_not_told_by_half(kernel) -> None:
    failed = kernel.submit("user", {"what": "fail at length", "token": "hunter2-hunter2"})
    with pytest.raises(TaskFailed, match=r"at length x+ …"):
        failed.result(timeout=10)
    assert "hunter" not in written(kernel)


def test_a_default_that_is_secret_is_kept_out_too(kernel) -> None:
    kernel.submit("user", {"what": "it is in the code"}).result(timeout=10)
    assert "in the code" not in written(kernel)


def test_what_an_agent_remembers_of_a_secret_is_what_the_journal_holds(kernel) -> None:
    kernel.submit("user", {"what": "remember", "token": "hunter2-hunter2"}).result(timeout=10)
    recalled = kernel.submit("user", {"what": "recall", "token": "another-secret"})
    assert "".join(recalled.result(timeout=10)) == "[secret:token]"


def test_a_task_with_a_secret_is_not_done_once_more_from_the_journal(kernel) -> None:
    task = kernel.submit("user", {"what": "x", "token": "hunter2-hunter2"})
    task.result(timeout=10)
    with pytest.raises(InvalidInput, match="its input held a secret"):
        kernel.retry(task.id)


def test_secrets_are_forgotten_some_time_after_their_tasks_ended(kernel) -> None:
    for number in range(30):
        kernel.submit("user", {"what": "x", "token": f"token number {number}"}).result(timeout=10)
    known = [kernel.secrets.suspects(f"token number {n}".encode()) for n in range(30)]
    assert all(len(found) >= 1 and all(one.holders == 0 for one in found) for found in known)


def test_a_key_in_the_environment_is_known_from_the_start(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    with Kernel() as kernel:
        kernel.elements.create({"key": "sk-from-the-environment"})
        assert kernel.elements.list()[0].content == {"key": "[secret:OPENAI_API_KEY]"}
        assert "sk-from" not in written(kernel)


def test_a_key_too_short_to_be_one_keeps_no_kernel_from_starting(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Kernel() as kernel:
        assert len(kernel.secrets) == 0


def test_agents_say_which_of_their_parameters_are_secret(kernel) -> None:
    assert AgentSpec.of(user).secrets.any
    assert kernel.agent("user").schema["properties"]["token"]["x-secret"]
