"""The schema's steps, one Alembic revision per file in `versions`; a released one is never changed."""
