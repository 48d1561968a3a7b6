"""summarize.py: runs an engine over cnn_dailymail and prints its ROUGE scores, as TensorRT-LLM v0.10's example does."""
