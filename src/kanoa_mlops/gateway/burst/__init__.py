"""What the owner allows beyond the LAN: where requests may go, behind which model, and for how much."""
