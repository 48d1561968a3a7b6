#!/usr/bin/env python3
"""Conversion of a Hugging Face Llama to a checkpoint."""

import sys

from trtllm_cpu.programs.convert_checkpoint import main

if __name__ == "__main__":
    sys.exit(main())
