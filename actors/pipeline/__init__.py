"""What every call of a tool passes: validate, authorise, limit, break, trace, execute, record."""

from __future__ import annotations

from .chain import Pipeline, Stage
from .invocation import Caller, Invocation

__all__ = ["Caller", "Invocation", "Pipeline", "Stage"]
