"""Words and their stems: Porter's algorithm (Program 14, 1980), pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["STOP_WORDS", "stem", "stems"]

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

STOP_WORDS = frozenset(
    """a about all also an and any are as at be been being but by can could did do does each for
    from get gets give given had happen happens has have how i if in into is it its many may me
    much must my no not of on one or our shall should so such than that the their them then
    there these they this those to up us use used uses using was we were what when where which
    while who whom whose why will with would you your""".split()  # noqa: SIM905 - a hundred quotes hide the words
)
"""Words that a question is full of and that tell passages apart in no way."""


def stems(text: str) -> list[str]:
    """The stems of the words in order; a word such as ``SubmitTask`` gives its parts as well."""
    found = []
    for word in _WORD.findall(text):
        found.append(stem(word))
        parts = _HUMP.split(word)
        if len(parts) > 1:
            found += [stem(part) for part in parts]
    return found


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem, lower case and without accents: ``Retries`` and ``retried`` give ``retri``.

    Words that are not plain English letters are only folded.
    """
    # ẞ has a plain form only once folded; double-struck letters are capital until decomposed.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    if len(plain) <= 2 or not (plain.isascii() and plain.isalpha()):
        return plain
    return _step_5(_step_4(_step_3(_step_2(_step_1c(_step_1b(_step_1a(plain)))))))


def _step_1a(w: str) -> str:
    if w.endswith(("sses", "ies")):
        return w[:-2]
    return w[:-1] if w.endswith("s") and not w.endswith("ss") else w


def _step_1b(w: str) -> str:
    if w.endswith("eed"):
        return w[:-1] if _measure(w[:-3]) > 0 else w
    for suffix in ("ed", "ing"):
        if w.endswith(suffix) and _has_vowel(w[: -len(suffix)]):
            return _mend(w[: -len(suffix)])
    return w


def _mend(w: str) -> str:
    if w.endswith(("at", "bl", "iz")):
        return w + "e"
    if _ends_double(w) and w[-1] not in "lsz":
        return w[:-1]
    return w + "e" if _measure(w) == 1 and _ends_cvc(w) else w


def _step_1c(w: str) -> str:
    return w[:-1] + "i" if w.endswith("y") and _has_vowel(w[:-1]) else w


_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize",
    "abli": "able", "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous",
    "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive",
    "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
_STEP_3 = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
}  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous",
    "ive", "ize", "ion", "al", "er", "ic", "ou",
)  # fmt: skip
_BY_LENGTH_2 = sorted(_STEP_2, key=len, reverse=True)
_BY_LENGTH_3 = sorted(_STEP_3, key=len, reverse=True)


def _step_2(w: str) -> str:
    return _replace(w, _BY_LENGTH_2, _STEP_2)


def _step_3(w: str) -> str:
    return _replace(w, _BY_LENGTH_3, _STEP_3)


def _replace(w: str, suffixes: list[str], table: dict[str, str]) -> str:
    """Replace the longest suffix, if what is before it has a vowel-consonant pair."""
    for suffix in suffixes:
        if w.endswith(suffix):
            before = w[: -len(suffix)]
            return before + table[suffix] if _measure(before) > 0 else w
    return w


def _step_4(w: str) -> str:
    for suffix in _STEP_4:
        if w.endswith(suffix):
            before = w[: -len(suffix)]
            if suffix == "ion" and not before.endswith(("s", "t")):
                return w
            return before if _measure(before) > 1 else w
    return w


def _step_5(w: str) -> str:
    if w.endswith("e"):
        before = w[:-1]
        if _measure(before) > 1 or (_measure(before) == 1 and not _ends_cvc(before)):
            w = before
    return w[:-1] if w.endswith("ll") and _measure(w[:-1]) > 1 else w


def _shape(w: str) -> str:
    """Each letter as ``v`` or ``c``; ``y`` is a vowel after a consonant."""
    shape = ""
    for letter in w:
        vowel = letter in "aeiou" or (letter == "y" and shape.endswith("c"))
        shape += "v" if vowel else "c"
    return shape


def _measure(w: str) -> int:
    """How often a vowel is followed by a consonant: Porter's ``m``."""
    return _shape(w).count("vc")


def _has_vowel(w: str) -> bool:
    return "v" in _shape(w)


def _ends_double(w: str) -> bool:
    return len(w) > 1 and w[-1] == w[-2] and _shape(w)[-1] == "c"


def _ends_cvc(w: str) -> bool:
    return _shape(w).endswith("cvc") and w[-1] not in "wxy"
