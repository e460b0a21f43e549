"""Secrets in encoded messages and in texts: found in every dress, and nothing else is touched."""

from __future__ import annotations

import base64
import json
import string
import urllib.parse
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.errors import InvalidInput
from retinue.bus.redact import Redactor, Secrets

VALUE = 'Tr0ub4dor&3 "é/\\ horse'
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "every unit escaped": lambda v: "".join(f"\\u{ord(c):04x}" for c in v),
    "JSON in a string": json.dumps,
    "JSON in JSON in a string": lambda v: json.dumps(json.dumps({"k": v})),
    "JSON with slashes escaped": lambda v: json.dumps(v).replace("/", "\\/"),
    "Python's form": lambda v: ascii(v).replace("\\'", "'"),
    "quoted": lambda v: urllib.parse.quote(v, safe=""),
    "quoted plus": urllib.parse.quote_plus,
    "quoted twice": lambda v: urllib.parse.quote(urllib.parse.quote(v)),
    "quoted throughout": lambda v: "".join(f"%{b:02x}" for b in v.encode()),
    "hex": lambda v: v.encode().hex(),
    "HEX": lambda v: v.encode().hex().upper(),
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64 after one byte": lambda v: base64.b64encode(b":" + v.encode()).decode(),
    "base64 after two bytes": lambda v: base64.b64encode(b"u:" + v.encode() + b"!").decode(),
    "url-safe base64": lambda v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("="),
    "white space made one": lambda v: " ".join(v.split()),
}
values = st.text(
    st.characters(codec="utf-8", exclude_characters="\x7f"), min_size=8, max_size=40
).filter(lambda v: len(v.strip()) >= 8 and len(set(v)) > 3)


def secrets_of(*given_values: str | bytes) -> Secrets:
    secrets = Secrets()
    for value in given_values:
        secrets.register(value, "key")
    return secrets


def body_of(value: Any) -> bytes:
    return msgspec.json.encode({"type": "tool.called", "args": {"deep": [{"er": value}]}})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_replaced_in_every_encoding_at_any_depth(encoding: str) -> None:
    text = f"<{ENCODINGS[encoding](VALUE)}>"
    redacted = Redactor(secrets_of(VALUE)).redact(body_of(text))

    found = json.loads(redacted)["args"]["deep"][0]["er"]
    assert "[secret:key]" in found
    assert ENCODINGS[encoding](VALUE) not in found
    assert found.startswith("<")
    assert found.endswith(">")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_replaced_in_plain_text_too(encoding: str) -> None:
    text = f"could not log in with <{ENCODINGS[encoding](VALUE)}>: refused"
    redacted = Redactor(secrets_of(VALUE)).text(text)

    assert "[secret:key]" in redacted
    assert ENCODINGS[encoding](VALUE) not in redacted
    assert redacted.startswith("could not log in with <")
    assert redacted.endswith(">: refused")


@given(value=values, before=st.text(max_size=9), after=st.text(max_size=9), data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_surroundings_is_replaced_and_the_message_stays_json(
    value: str, before: str, after: str, data: st.DataObject
) -> None:
    encoding = data.draw(st.sampled_from(["plain", "JSON in a string", "hex", "base64", "quoted"]))
    text = before + " " + ENCODINGS[encoding](value.strip()) + " " + after
    body = msgspec.json.encode({"type": "x", "result": text, "list": [text, 1, None, {"k": text}]})

    redacted = msgspec.json.decode(Redactor(secrets_of(value)).redact(body))

    shown = redacted["result"]
    assert ENCODINGS[encoding](value.strip()) not in shown
    assert "[secret:key]" in shown or "[***]" in shown
    assert redacted == {"type": "x", "result": shown, "list": [shown, 1, None, {"k": shown}]}


@given(value=values, escaped=st.lists(st.booleans(), min_size=40, max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_value_of_which_only_some_characters_are_escaped_is_found(
    value: str, escaped: list[bool]
) -> None:
    pieces = []
    for char, escape in zip(value.strip(), escaped, strict=False):
        units = char.encode("utf-16-be")
        hexed = "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        pieces.append(hexed if escape else json.dumps(char, ensure_ascii=False)[1:-1])
    body = ('{"type":"x","result":"' + "".join(pieces) + '"}').encode()
    assert json.loads(body)["result"] == value.strip()

    shown = json.loads(Redactor(secrets_of(value)).redact(body))["result"]
    assert shown in ("[secret:key]", "[***]")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, width=32)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_what_holds_no_secret_keeps_its_bytes(value: Any) -> None:
    body = msgspec.json.encode({"type": "x", "value": value})
    assert Redactor(secrets_of(VALUE, "another-secret-1234567890")).redact(body) == body


@given(json_values, st.text("\\nu0%\"'ab1e5f", min_size=6, max_size=9).filter(str.strip))
@settings(max_examples=300, deadline=None)
def test_a_value_made_of_syntax_never_breaks_a_message(value: Any, awkward: str) -> None:
    secrets = Secrets()
    if len(awkward.strip()) < 6:
        return
    secrets.register(awkward)
    body = msgspec.json.encode(
        {"type": "x", "value": [value, awkward, "\\" + awkward, awkward * 2]}
    )

    redacted = msgspec.json.decode(Redactor(secrets).redact(body))

    assert set(redacted) == {"type", "value"}
    assert redacted["value"][1] in ("[secret]", "[***]")
    assert awkward not in redacted["value"][2]


def test_a_value_across_the_syntax_of_json_is_no_secret_there() -> None:
    redactor = Redactor(secrets_of('"a":1,"b"', "true,false"))
    body = b'{"type":"x","v":{"a":1,"b":[true,false]}}'
    assert redactor.redact(body) == body


def test_a_number_that_is_a_secret_becomes_0_and_other_numbers_stay() -> None:
    redactor = Redactor(secrets_of("123456"))
    body = b'{"type":"x","pin":123456,"seconds":0.123456,"big":1234567}'
    expected = b'{"type":"x","pin":0,"seconds":0.123456,"big":1234567}'
    assert redactor.redact(body) == expected


def test_the_message_s_own_keys_and_type_stay_whatever_the_secrets_are() -> None:
    redactor = Redactor(secrets_of("result", "task.succeeded"))
    body = b'{"type":"task.succeeded","result":{"result":"the result"}}'
    expected = b'{"type":"task.succeeded","result":{"[secret:key]":"the [secret:key]"}}'
    assert redactor.redact(body) == expected


def test_a_key_of_many_lines_is_found_line_by_line() -> None:
    lines = ["-----BEGIN KEY-----", "MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB"]
    redactor = Redactor(secrets_of("\n".join(lines)))
    assert redactor.text(f"12:01 {lines[1]}\r\n") == "12:01 [secret:key]\r\n"
    assert (
        redactor.text("x" + "\r\n".join(lines) + "y")
        == "x" + "\r\n".join(["[secret:key]"] * 3) + "y"
    )
    assert redactor.redact(body_of("\n".join(lines))) == body_of("[secret:key]")


def test_the_longest_of_overlapping_secrets_is_named() -> None:
    secrets = Secrets()
    secrets.register("abcdefgh", "short")
    secrets.register("abcdefgh-and-more", "long")
    redactor = Redactor(secrets)
    assert redactor.text("abcdefgh-and-more abcdefgh") == "[secret:long] [secret:short]"


def test_a_secret_of_bytes_is_found_encoded() -> None:
    key = bytes(range(128, 160))
    redactor = Redactor(secrets_of(key))
    assert redactor.text(f"={key.hex()}=") == "=[secret:key]="
    assert redactor.text(base64.b64encode(key).decode()) == "[secret:key]"


def test_a_value_that_its_own_name_would_show_is_starred_out() -> None:
    secrets = Secrets()
    secrets.register("passphrase", "passphrase")
    assert Redactor(secrets).text("the passphrase") == "the [***]"


@pytest.mark.parametrize("value", ["", "12345", b"12345", "   12345   ", "\n"])
def test_a_value_too_short_to_be_told_apart_is_refused(value: str | bytes) -> None:
    with pytest.raises(InvalidInput, match=r"secret 'pin' has \d characters: fewer than 6"):
        Secrets().register(value, "pin")


def test_a_refused_name_is_not_repeated_in_the_error() -> None:
    with pytest.raises(InvalidInput, match="secret name of 15 characters") as refusal:
        Secrets().register("correct horse", "correct/battery")
    assert "battery" not in str(refusal.value)


def test_no_representation_shows_a_value() -> None:
    secrets = secrets_of(VALUE)
    shown = repr(secrets) + repr(secrets.suspects(VALUE.encode())) + repr(vars(secrets))
    assert "Tr0ub4dor" not in repr(secrets) + repr(secrets.suspects(VALUE.encode()))
    assert "[secret:key]" in shown


def test_a_value_is_forgotten_once_all_who_registered_it_did_and_a_thousand_others() -> None:
    secrets = secrets_of(VALUE, VALUE)
    redactor = Redactor(secrets)

    def forget_others(some: str) -> None:
        for number in range(1_024):
            secrets.register(f"{some}-secret-{number}")
            secrets.forget(f"{some}-secret-{number}")

    secrets.forget(VALUE)
    forget_others("first")
    assert redactor.text(VALUE) == "[secret:key]"
    secrets.forget(VALUE)
    assert redactor.text(VALUE) == "[secret:key]"
    forget_others("second")
    assert redactor.text(VALUE) == VALUE
    assert len(secrets) == 1_024


def test_held_values_are_released_even_when_one_of_them_is_refused() -> None:
    secrets = Secrets()
    with pytest.raises(InvalidInput), secrets.held([("good", VALUE), ("bad", "short")]):
        pytest.fail("the block must not run")
    assert all(secret.holders == 0 for secret in secrets.suspects(VALUE.encode()))


def test_without_secrets_the_very_same_bytes_come_back() -> None:
    body = body_of("anything")
    assert Redactor(Secrets()).redact(body) is body


@pytest.mark.parametrize("length", [6, 7, 8, 14, 15, 16, 40])
def test_every_length_is_found_at_every_alignment(length: int) -> None:
    value = (string.ascii_letters + string.digits)[3 : 3 + length]
    redactor = Redactor(secrets_of(value))
    for offset in range(17):
        for tail in range(9):
            text = "." * offset + value + "." * tail
            assert redactor.text(text) == text.replace(value, "[secret:key]"), (offset, tail)
