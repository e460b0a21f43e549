"""The kernel brought to life: configuration, the composition root, the daemon, its API and commands."""
