#!/usr/bin/env python3
"""Post-training quantization of a Hugging Face model."""

import sys

from trtllm_cpu.programs.quantize import main

if __name__ == "__main__":
    sys.exit(main())
