"""Measurements: the whole daemon beside its peers, and the cost of each step of a message by itself.

They run the real code against Postfix's `smtp-source` and `smtp-sink`, and promise figures that can be compared within
one run only: machines drift. Nothing here is a test, and nothing is installed with the package.
"""
