"""Planted secrets, and the search for them in whatever a kernel left behind."""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse
from pathlib import Path

import pytest

LEAKY = Path(__file__).with_name("leaky.py")


class Planted:
    """Secrets of many alphabets and lengths, and where they were found."""

    def __init__(self, count: int, seed: int = 7) -> None:
        chance = random.Random(seed)
        alphabets = (
            string.ascii_letters + string.digits,
            string.hexdigits.lower()[:16],
            string.ascii_letters + string.digits + "+/=",
            string.ascii_letters + string.digits + "!\"#$%&'()*,-.:;<>?@[\\]^_`{|}~",
            string.ascii_letters + "äöüéßñçλд漢字🔑 ",
        )
        self.values = [
            "".join(
                chance.choice(alphabets[n * n % 7 % 5]) for _ in range(chance.randint(10, 48))
            ).strip()
            + f"{n:04d}"
            for n in range(count)
        ]

    def found_in(self, *places: bytes | str) -> list[str]:
        """Those that stand in one of the places, in any encoding."""
        data = b"\n".join(p.encode() if isinstance(p, str) else p for p in places)
        return [value for value in self.values if any(form in data for form in encoded(value))]


def encoded(value: str) -> list[bytes]:
    """The forms that are searched for, made without the code under test."""
    raw = value.encode()
    forms = [value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], raw.hex()]
    forms += [urllib.parse.quote(value), urllib.parse.quote(value, safe=""), repr(value)[1:-1]]
    forms.append(json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)[3:-3])
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"-" * before + raw + b"--").decode()
            forms.append(text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    return [form.encode() for form in forms]


@pytest.fixture
def planted():
    """``planted(count)``."""
    return Planted
