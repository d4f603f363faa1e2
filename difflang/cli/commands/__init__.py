"""One module a command, imported when it is called; each has the attribute `command`."""
