"""Validators, and a kernel whose events a Redis has."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from retinue.bus.schema import asyncapi, event_document

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def official():
    """A validator of AsyncAPI 3.0 documents, from the official schema."""
    return Draft7Validator(json.loads((HERE / "asyncapi" / "3.0.0.json").read_text()))


@pytest.fixture(scope="session")
def document():
    """The document of a kernel with the default names."""
    return asyncapi("1.2.3")


@pytest.fixture(scope="session")
def valid():
    """``valid(event)``: what is wrong with an event as its reader sees it, in words."""
    return _problems(event_document())


@pytest.fixture(scope="session")
def exact():
    """The same, and no attribute or field may be there that the schema does not name."""
    return _problems(_closed(event_document()))


@pytest.fixture(scope="session")
def message(document):
    """``message(name, payload)``: what is wrong with a payload of a message of the document."""

    def problems(name, payload):
        schema = document | {"$ref": f"#/components/schemas/{name}"}
        return _said(Draft202012Validator(schema, format_checker=FormatChecker()), payload)

    return problems


def _problems(schema):
    Draft202012Validator.check_schema(schema)
    validators = {}

    def problems(event):
        name = event["type"]
        if name not in validators:
            one = schema | {"$ref": f"#/$defs/{name}"}
            del one["anyOf"]
            validators[name] = Draft202012Validator(one, format_checker=FormatChecker())
        return _said(validators[name], event)

    return problems


def _said(validator, payload):
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(payload)]


def _closed(schema):
    closed = copy.deepcopy(schema)
    for name, one in closed["$defs"].items():
        if name != "event":
            one["unevaluatedProperties"] = False
    return closed
