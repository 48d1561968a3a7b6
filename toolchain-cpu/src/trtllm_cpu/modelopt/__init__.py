"""quantize.py with NVIDIA ModelOpt in place of our own quantizer: the optional extra `modelopt`.

Only quantizer.py imports torch, and only where ModelOpt was asked for: the toolchain itself does without.
"""
