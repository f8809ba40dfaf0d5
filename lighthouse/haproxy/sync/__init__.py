"""From what runs to what is wanted: what differs, and what is sent, written or reloaded."""
