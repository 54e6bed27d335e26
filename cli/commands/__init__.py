"""The command's groups, one file each: what is said on the command line, and who does it."""
