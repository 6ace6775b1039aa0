"""What the API can do, one room of operations a file; `table` puts them together."""
