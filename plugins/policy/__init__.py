"""The operator's rules: who may do what, decided by Cedar. ``cedarpy`` is imported in here alone."""

from __future__ import annotations

from .model import Action, Decision, Policy, Request, refusal

__all__ = ["Action", "Decision", "Policy", "Request", "refusal"]
