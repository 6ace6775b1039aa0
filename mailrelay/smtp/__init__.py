"""The wire: SMTP in and out, DNS, TLS. One outside thing in each file."""
