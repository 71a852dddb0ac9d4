"""The bench: every engine side by side in one run. `python -m bench --help` tells how."""
