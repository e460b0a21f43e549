"""Plugins that come with the kernel, through the same door as anyone's."""
