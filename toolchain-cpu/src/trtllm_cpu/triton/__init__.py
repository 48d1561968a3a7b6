"""What the Triton models of llama_ifb are made of: the model.py files beside each config.pbtxt only connect it."""
