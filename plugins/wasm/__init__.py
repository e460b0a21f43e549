"""WebAssembly modules as plugins: run inside the same walls, with a second wall of their own."""
