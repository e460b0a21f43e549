"""A kernel's tools and agents, offered to clients of the Model Context Protocol."""
