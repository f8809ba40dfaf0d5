"""What operators write, typed: each kind of file, how it is read, and what is wrong with it."""
