#!/usr/bin/env python3
"""prepare_dataset.py of the CPU reference toolchain."""

import sys

from trtllm_cpu.prepare_dataset.program import main

if __name__ == "__main__":
    sys.exit(main())
