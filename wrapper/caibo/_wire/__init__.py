"""How a request becomes an answer: attempts, credentials, deadline, connections."""
