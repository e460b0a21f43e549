"""Plugins in processes of their own, as the kernel deals with them: calls, ends, restarts."""
