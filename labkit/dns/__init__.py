"""DNS messages and the answers of a zone, as bytes and values.

Rule: no sockets here; whatever the bytes are, the answer is a message or a `BadMessage`.
"""
