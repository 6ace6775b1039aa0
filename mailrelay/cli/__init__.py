"""The command line: the roof over the use cases.

Each module has the commands of one noun; they open the installation, call one use case, and print. Nothing is decided
here that a program could not ask for by HTTP, too.
"""

from .root import main

__all__ = ["main"]
