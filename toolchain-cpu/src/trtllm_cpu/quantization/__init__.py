"""Quantization formats: one file a format, one row each in formats.py."""
