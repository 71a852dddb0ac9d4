"""Replaying recorded cases: build plugins and world from a case file, run it, compare with what the real
proxy did.
"""
