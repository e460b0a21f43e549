"""The mirror to Redis. Nothing here imports the ``redis`` package until it is needed."""
