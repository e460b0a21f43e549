"""What runs inside a plugin's process, once it is confined."""
