"""The Model Context Protocol over stdio: its messages, both of its sides, and servers as plugins."""
