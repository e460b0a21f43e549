"""``http.*``: fetches that the host makes for plugins, which have no socket of their own."""
