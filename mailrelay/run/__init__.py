"""The roof: what starts, is wired together, and stops."""
