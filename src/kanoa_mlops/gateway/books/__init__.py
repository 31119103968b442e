"""The gateway's books: who may ask for how much, what was asked, and what it cost. Knows nothing of HTTP."""
