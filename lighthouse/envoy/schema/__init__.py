"""What operators write: the plugin's own file, and a cluster's section."""
