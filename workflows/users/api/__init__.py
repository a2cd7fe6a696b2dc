"""The API of changes of users."""
