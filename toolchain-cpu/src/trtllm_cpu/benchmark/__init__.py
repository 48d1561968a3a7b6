"""gptManagerBenchmark: a workload's requests through the engine's batcher, and what TensorRT-LLM v0.10 prints of it."""
