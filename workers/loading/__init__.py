"""From a plugin's name to its class: found, imported, and judged by the contract of its kind."""
