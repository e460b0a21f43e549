"""What a plugin's process asks its host for: decided at each request, for everyone it is made for."""
