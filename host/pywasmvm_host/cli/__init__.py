"""Subcommands of `pywasmvm` that need the Proxy-Wasm host."""
