"""Every command and event: frozen, tagged, registered, and read by any later version."""

from __future__ import annotations

import re
from collections import Counter
from functools import reduce
from operator import or_

import msgspec
import pytest

from retinue.bus import messages
from retinue.bus.codec import decode, encode
from retinue.bus.errors import CodecError
from retinue.bus.messages import (
    COMMANDS,
    EVENTS,
    TERMINAL_RUN,
    TERMINAL_TASK,
    Command,
    EventBody,
    Message,
    type_of,
)

FIRST_WORDS = {
    "agent",
    "approval",
    "bus",
    "element",
    "kernel",
    "llm",
    "message",
    "plugin",
    "progression",
    "run",
    "security",
    "task",
    "telemetry",
    "tool",
}


def every(base):
    """All message types below ``base`` that are defined in the package."""
    below = [kind for child in base.__subclasses__() for kind in [child, *every(child)]]
    return [k for k in below if k.__module__.startswith(messages.__name__) and k not in ROOTS]


ROOTS = {Message, Command, EventBody}
EVERY = sorted(every(Message), key=lambda kind: kind.__qualname__)
by_name = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)


@by_name
def test_each_message_is_frozen_and_tagged(kind):
    config = kind.__struct_config__
    assert config.frozen
    assert config.tag_field == "type"
    assert config.tag == type_of(kind)


@by_name
def test_each_message_is_exported_and_registered_under_its_type(kind):
    assert getattr(messages, kind.__name__) is kind
    assert kind.__name__ in messages.__all__
    registry = EVENTS if issubclass(kind, EventBody) else COMMANDS
    assert registry[type_of(kind)] is kind


@by_name
def test_each_message_says_what_it_is(kind):
    assert kind.__doc__
    assert kind.__doc__ != Message.__doc__


@by_name
def test_unknown_fields_are_ignored(kind):
    sample = minimal(kind)
    later = encode(sample)[:-1] + b',"added_later":{"a":[1]}}'
    assert decode(later, kind) == sample


@by_name
def test_a_message_without_its_required_fields_is_refused(kind):
    required = [field for field in msgspec.structs.fields(kind) if field.required]
    body = b'{"type":"%s"}' % type_of(kind).encode()
    if required:
        with pytest.raises(CodecError, match="missing required field"):
            decode(body, kind)
    else:
        assert decode(body, kind) == kind()


def test_no_two_messages_share_a_type_or_a_name():
    assert [t for t, n in Counter(type_of(kind) for kind in EVERY).items() if n > 1] == []
    assert [t for t, n in Counter(kind.__name__ for kind in EVERY).items() if n > 1] == []


def test_the_registries_hold_every_message_and_nothing_else():
    assert set(EVENTS.values()) | set(COMMANDS.values()) == set(EVERY)


@pytest.mark.parametrize("type_", sorted(EVENTS))
def test_event_types_are_dotted_lower_case_and_begin_with_their_noun(type_):
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", type_)
    assert type_.split(".")[0] in FIRST_WORDS


@pytest.mark.parametrize("type_", sorted(COMMANDS))
def test_command_types_are_their_class_names(type_):
    assert COMMANDS[type_].__name__ == type_


def test_the_terminal_types_are_events():
    assert set(EVENTS) >= TERMINAL_TASK | TERMINAL_RUN


def test_any_event_can_be_decoded_by_its_tag_alone():
    union = msgspec.json.Decoder(reduce(or_, EVENTS.values()))
    for type_, kind in EVENTS.items():
        sample = minimal(kind)
        assert type(union.decode(encode(sample))) is kind, type_


def test_a_message_without_a_text_tag_has_no_type():
    class Untagged(msgspec.Struct):
        pass

    with pytest.raises(TypeError, match="Untagged has no text tag"):
        type_of(Untagged)


def minimal(kind):
    """A message with its required fields only."""
    plain = {str: "x", int: 1, float: 1.5, bool: True, msgspec.Raw: msgspec.Raw(b"[1]")}
    fields = [field for field in msgspec.structs.fields(kind) if field.required]
    return kind(**{field.name: plain.get(field.type, ()) for field in fields})
