"""Base classes of the HTTP API: parsing, problems, paging, schema."""
