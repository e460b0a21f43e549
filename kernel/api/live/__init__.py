"""Live events for clients of the HTTP server: one reading of the journal, many bounded clients."""
