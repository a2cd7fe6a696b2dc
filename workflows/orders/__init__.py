"""Order fulfilment as a process: where each order is and what it waits for."""
