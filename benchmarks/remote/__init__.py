"""An accounting system on loopback with a latency and a limit of its own, and its connector."""
