#!/usr/bin/env python3
"""summarize.py of the CPU reference toolchain."""

import sys

from trtllm_cpu.summarize.program import main

if __name__ == "__main__":
    sys.exit(main())
