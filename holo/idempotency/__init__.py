"""Keys that make a command happen once, kept in the transaction of its effect."""
