"""compare_engines.py, a program of Enginesmith's own: how an engine agrees with its baseline, token by token."""
