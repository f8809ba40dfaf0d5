"""The process in which a plugin under test is loaded, and from which its workers are forked."""
