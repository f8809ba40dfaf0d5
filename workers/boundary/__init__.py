"""Where plugin code is entered: its calls, and what it says made fit to be passed on."""
