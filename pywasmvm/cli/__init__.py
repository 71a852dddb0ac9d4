"""The command line: one file per subcommand, found through the entry-point group `pywasmvm.commands`.

Nothing here is imported by the rest of the package. click and rich come with `pip install "pywasmvm[cli]"`.
"""
