"""run.py: asks an engine some texts and prints or stores what it answers, as TensorRT-LLM v0.10's example does."""
