"""The web: what programs and people see of the relay over HTTP. It meets the wings through interfaces only."""
