"""How long a store elsewhere is waited for. A person waits for the answer behind it."""

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
