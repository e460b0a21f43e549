"""What the kernel and a plugin's process say to each other: frames, their limits, and their order."""
