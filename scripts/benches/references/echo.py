"""Sends back what comes over the socket that it inherited: what a round trip costs by itself."""

from __future__ import annotations

import socket
import sys


def main() -> None:
    """Until the other side is gone."""
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        while data := sock.recv(65536):
            sock.sendall(data)


if __name__ == "__main__":
    main()
