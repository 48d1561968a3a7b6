"""Engines: a Llama as an ONNX graph with its weights in one file a rank, and what runs it."""
