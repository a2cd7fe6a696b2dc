"""How people get into the admin: two factors, limits on guessing, sessions that end."""
