"""The workers' processes: their life, what they are sent, and what they may cost."""
