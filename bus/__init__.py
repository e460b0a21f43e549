"""What is said, carried and kept: messages, the journal, and the mirror to Redis."""
