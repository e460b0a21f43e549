"""Walls around a plugin's process: what this host gives, what a level asks for, and a launcher.

The modules that run inside the process before it is confined (``launcher`` and what it imports)
use the standard library alone, and nothing of a plugin's.
"""
