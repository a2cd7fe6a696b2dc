"""What the ports are on: memory for tests, the database for everything else."""
