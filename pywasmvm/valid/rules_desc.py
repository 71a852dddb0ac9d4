"""Typing rules of the proposal custom-descriptors."""
