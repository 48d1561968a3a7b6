"""CPU reference toolchain: the programs and files of TensorRT-LLM v0.10, executed with ONNX Runtime."""

RELEASE = "0.10.0"
"""The TensorRT-LLM release whose flags, files and log lines this toolchain follows."""

PRODUCER = "trtllm_cpu"
"""Whose checkpoints these are, in the metadata of their files."""
