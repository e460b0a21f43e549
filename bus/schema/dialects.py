"""The three dialects that existing consumers read, as JSON Schema: their forms, not ours."""

from __future__ import annotations

from typing import Any

from .events import Schema

__all__ = ["AGENT_EVENTS", "LIVE_LOG", "ORCHESTRATOR_EVENTS"]

_TEXT: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}
_SECONDS: Schema = {"type": "number", "minimum": 0}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_SECONDS_OR_NULL: Schema = {"type": ["number", "null"], "minimum": 0}

LIVE_LOG: Schema = {
    "title": "live-logs message",
    "description": "A tool call, its result or a thought, as a flat object. Programs that are not "
    "agents of the kernel may publish it too.",
    "type": "object",
    "properties": {
        "run_id": _TEXT,
        "agent_id": _TEXT,
        "category": {"enum": ["TOOL_CALL", "TOOL_RESULT", "THOUGHT"]},
        "message": _TEXT | {"description": "For people, cut."},
        "metadata": {"enum": ["IO_REQ", "IO_OK", "IO_ERR", "PLANNING", "INFO"]},
        "timestamp": _TEXT | {"format": "date-time"},
        "tool_name": _TEXT | {"description": "On calls and results."},
        "args": _OBJECT | {"description": "On calls: the whole arguments."},
        "duration_ms": _COUNT | {"description": "On results."},
    },
    "required": ["run_id", "agent_id", "category", "message", "metadata", "timestamp"],
}


def _stream_entry(name: str, says: str, required: dict[str, Any], **optional: Any) -> Schema:
    payload = {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
    }
    return {
        "title": f"{name} of agent-events",
        "description": says,
        "type": "object",
        "properties": {
            "id": _TEXT,
            "ts": _TEXT | {"format": "date-time"},
            "type": {"const": name},
            "payload": payload,
        },
        "required": ["id", "ts", "type", "payload"],
    }


_STEP: dict[str, Any] = {
    "step": {"type": ["integer", "null"], "description": "The attempt, from 1."},
    "root": _TEXT | {"description": "The run."},
    "node": _TEXT | {"description": "The task."},
    "action": _TEXT | {"description": "The agent."},
}
_CALL: dict[str, Any] = {
    "node": _TEXT | {"description": "The task."},
    "agent": _TEXT,
    "model": _TEXT,
    "prompt_sha": _TEXT_OR_NULL,
}
_TOOL: dict[str, Any] = {"tool": _TEXT, "api": _TEXT_OR_NULL, "args_hash": _TEXT_OR_NULL}

AGENT_EVENTS: dict[str, Schema] = {
    "step_started": _stream_entry("step_started", "A workflow step begins.", _STEP),
    "step_finished": _stream_entry(
        "step_finished",
        "A workflow step ended.",
        _STEP | {"duration": _SECONDS_OR_NULL},
        exception=_TEXT | {"description": "When it failed."},
    ),
    "node_status_change": _stream_entry(
        "node_status_change",
        "A task's status changed.",
        {
            "node": _TEXT | {"description": "The task."},
            "old": _TEXT_OR_NULL,
            "new": _TEXT,
            "layer": {"type": ["integer", "null"], "minimum": 0},
            "parents": {"type": ["array", "null"], "items": _TEXT},
        },
    ),
    "llm_call_started": _stream_entry("llm_call_started", "A model call begins.", _CALL),
    "llm_call_completed": _stream_entry(
        "llm_call_completed",
        "A model call ended.",
        _CALL
        | {
            "duration": _SECONDS,
            "token_usage": {
                "type": ["object", "null"],
                "additionalProperties": _COUNT,
            },
            "cost_estimate": {"type": ["number", "null"]},
            "extract": _TEXT_OR_NULL | {"description": "The result, cut."},
        },
        exception=_TEXT | {"description": "When it failed."},
    ),
    "tool_invoked": _stream_entry("tool_invoked", "A tool call begins.", _TOOL),
    "tool_returned": _stream_entry(
        "tool_returned",
        "A tool call ended.",
        _TOOL
        | {
            "latency": _SECONDS,
            "success": {"type": "boolean"},
            "state": {"enum": ["ok", "failed", "unknown"]},
        },
    ),
    "search_completed": _stream_entry(
        "search_completed",
        "A search round was summarised.",
        {
            "query_terms": {"type": ["array", "null"], "items": _TEXT},
            "page_count": _COUNT,
            "selected_count": _COUNT,
            "time_spent": _SECONDS,
        },
    ),
}


def _orchestrator(name: str, says: str, **fields: Any) -> Schema:
    return {
        "title": f"{name} of orchestrator-events",
        "description": says,
        "type": "object",
        "properties": {
            "type": {"const": name},
            **fields,
            "timestamp": _SECONDS | {"description": "Seconds since the epoch."},
        },
        "required": ["type", *fields, "timestamp"],
    }


ORCHESTRATOR_EVENTS: dict[str, Schema] = {
    "text_generation": _orchestrator("text_generation", "A piece of text.", data=_TEXT),
    "tool_use": _orchestrator(
        "tool_use", "A tool call begins.", tool_name=_TEXT, tool_input=_OBJECT
    ),
    "reasoning": _orchestrator("reasoning", "A thought.", content=_TEXT),
}
