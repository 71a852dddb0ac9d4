"""WASI preview1: what command and reactor modules of Go, Rust, TinyGo and C++ need from a host.

By default a guest has no files, no network, an empty stdin and nowhere to print to; `WasiConfig` grants more.
"""
