"""What every workflow domain shares: registry, client, worker, policies, saga."""
