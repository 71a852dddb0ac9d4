"""The Proxy-Wasm ABI as tables: enums, pairs, host calls, callbacks, WASI. The single source of truth of
this host.
"""
