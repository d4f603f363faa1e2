"""Loops: the imperative intermediate representation, and the scheduling of Core into it (`loops.schedule`)."""
