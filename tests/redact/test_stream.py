"""A text in pieces: whatever the cuts, no secret passes, and nothing else is lost."""

from __future__ import annotations

import base64
import json
import string
import urllib.parse

from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.redact import Redactor, Secrets, StreamRedactor

SECRETS = ("sk-proj-4f9a8b7c6d5e", "sk-proj-4f9a8b7c6d5e-longer", 'pass"word\n& é1', "abcabcabcabc")
ENCODED = [
    encoded
    for value in SECRETS
    for encoded in (
        value,
        base64.b64encode(value.encode()).decode(),
        base64.b64encode(b"u" + value.encode()).decode(),
        base64.urlsafe_b64encode(b"us" + value.encode()).decode(),
        value.encode().hex(),
        urllib.parse.quote(value),
        urllib.parse.quote_plus(value),
        json.dumps(value)[1:-1],
        "".join(f"\\u{ord(c):04x}" for c in value),
    )
]


def watched() -> Secrets:
    secrets = Secrets()
    for number, value in enumerate(SECRETS):
        secrets.register(value, f"n{number}")
    return secrets


def streamed(secrets: Secrets, pieces: list[str]) -> str:
    redactor = StreamRedactor(secrets)
    return "".join([*(redactor.feed(piece) for piece in pieces), redactor.flush()])


def cut(text: str, lengths: list[int]) -> list[str]:
    pieces, at = [], 0
    while at < len(text):
        size = lengths[len(pieces) % len(lengths)]
        pieces.append(text[at : at + size])
        at += size
    return pieces


parts = st.lists(
    st.sampled_from(ENCODED) | st.text(string.ascii_lowercase + ' -%\\"é=', max_size=12), max_size=8
)
lengths = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(parts, lengths)
@settings(max_examples=400, deadline=None)
def test_no_secret_passes_however_the_text_is_cut(words: list[str], sizes: list[int]) -> None:
    text = " ".join(words)
    shown = streamed(watched(), cut(text, sizes))

    assert Redactor(watched()).text(shown) == shown
    for encoded in ENCODED:
        assert encoded not in shown


@given(st.text(max_size=200), lengths)
@settings(max_examples=200, deadline=None)
def test_a_text_without_secrets_comes_out_as_it_went_in(text: str, sizes: list[int]) -> None:
    if Redactor(watched()).text(text) == text:
        assert streamed(watched(), cut(text, sizes)) == text


def test_only_what_may_begin_a_secret_is_held_back() -> None:
    redactor = StreamRedactor(watched())
    said = [
        redactor.feed(piece) for piece in ("Hello, sk-", "proj", "ect!", " sk-proj-4f9a8b", "7c6d5")
    ]
    assert said == ["Hello, ", "", "sk-project!", " ", ""]
    assert redactor.feed("e.") == "[secret:n0]."
    assert redactor.flush() == ""


def test_a_secret_that_begins_like_another_is_told_from_it_by_what_follows() -> None:
    longer = StreamRedactor(watched())
    assert [longer.feed(p) for p in ("sk-proj-4f9a8b7c6d5e", "-lon", "ger!")] == [
        "",
        "",
        "[secret:n1]!",
    ]
    shorter = StreamRedactor(watched())
    assert [shorter.feed(p) for p in ("sk-proj-4f9a8b7c6d5e", "-lon", "e!")] == [
        "",
        "",
        "[secret:n0]-lone!",
    ]


def test_a_beginning_that_came_to_nothing_is_said_at_the_end() -> None:
    redactor = StreamRedactor(watched())
    assert redactor.feed("ends in sk-proj-4f9a") == "ends in "
    assert redactor.flush() == "sk-proj-4f9a"


def test_a_secret_registered_while_the_text_comes_counts_from_then_on() -> None:
    secrets = Secrets()
    redactor = StreamRedactor(secrets)
    assert redactor.feed("late-re") == "late-re"
    secrets.register("late-registered")
    assert redactor.feed(" late-reg") == " "
    assert redactor.feed("istered") + redactor.flush() == "[secret]"


def test_the_work_is_bounded_however_long_a_beginning_repeats() -> None:
    secrets = Secrets()
    secrets.register("ab" * 40 + "c", "comb")
    redactor = StreamRedactor(secrets)
    longest = 0
    for _ in range(2_000):
        redactor.feed("ab")
        longest = max(longest, len(redactor.held))
    assert longest <= 81
    assert redactor.feed("c") + redactor.flush() == "[secret:comb]"
