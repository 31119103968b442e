"""Other APIs than the gateway's own: each is put into a chat completion's words, and its answer back."""
