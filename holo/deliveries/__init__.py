"""What is sent to people: one row per recipient, tried until it is delivered, refused or given up."""
