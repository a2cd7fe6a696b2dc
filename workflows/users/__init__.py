"""Creates, updates and deletes the users of an organisation, as its own systems ask."""
