"""The demonstration: data to play with, and a client that drives the API through every kind of end."""
