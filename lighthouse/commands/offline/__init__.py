"""What commands find out without a running daemon: plugins on trial, the last known members."""
