"""The worked example of a domain: a pizza is priced, paid, baked and delivered, or paid back."""
