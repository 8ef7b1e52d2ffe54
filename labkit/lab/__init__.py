"""The private network of a notebook, ports published from it, and a cable that is a Python object.

Rule: above the system's namespaces and interfaces, and below the lessons; knows no protocol of the servers.
"""
