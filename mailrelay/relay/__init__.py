"""The work: login, submission, compose, outbound and settling; it knows no SQL, no SMTP grammar and no reply text."""
