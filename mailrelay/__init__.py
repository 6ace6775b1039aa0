"""A self-hosted transactional SMTP relay that speaks the SMTP dialects of hosted e-mail services.

This file holds the version, once, and nothing else; importing it costs nothing.
"""

__version__ = "0.1.0.dev0"
