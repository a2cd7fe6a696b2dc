"""The smallest domain: one workflow, one activity."""
