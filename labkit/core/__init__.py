"""The ground everything stands on: emitters, the background event loop, errors.

Rule: no sockets of its own, no packets, no pictures; imports nothing of labkit outside this folder.
"""
