"""Core: the functional intermediate representation, its operations and its builder."""
