"""The command-line programs, with TensorRT-LLM v0.10's flags, stdout lines and exit codes."""
