"""UDP sockets with the methods and events of Node's dgram.

Rule: datagrams in, datagrams out; no protocol above UDP.
"""
