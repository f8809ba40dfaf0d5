"""What shells complete: commands, options, and the names of what there is."""
