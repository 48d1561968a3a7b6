"""TensorRT-LLM v0.10 checkpoints: config.json and one rank{r}.safetensors a rank."""
