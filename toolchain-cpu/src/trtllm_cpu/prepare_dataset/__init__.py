"""prepare_dataset.py: makes the requests of a benchmark, as TensorRT-LLM v0.10's benchmarks/cpp does."""
