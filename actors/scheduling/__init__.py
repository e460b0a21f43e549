"""Who runs next: pure decisions over what waits."""
