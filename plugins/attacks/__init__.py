"""Attacks that the walls have to stand: hostile plugins, a hostile guest, and hostile folders."""
