"""Why each header field exists: a table for each protocol, from Scapy's fields to Wireshark's names.

Rule: a protocol is one table in one module; `dissector` looks it up by the name of the Scapy layer.
"""
