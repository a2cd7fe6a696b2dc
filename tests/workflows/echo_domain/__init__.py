"""A domain whose workflow and activity return what they are given."""
