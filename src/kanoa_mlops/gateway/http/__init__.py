"""HTTP/1.1 as the gateway speaks it: uvicorn before it, connections of its own behind it."""
