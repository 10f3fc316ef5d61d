"""Pure values: JSON without loss, the contract, a customer, and how records compare."""
