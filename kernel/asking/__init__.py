"""Asking the journal: what happened, why, whether it adds up, and what found no reader."""
