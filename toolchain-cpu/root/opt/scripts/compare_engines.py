#!/usr/bin/env python3
"""compare_engines.py of the CPU reference toolchain."""

import sys

from trtllm_cpu.compare.program import main

if __name__ == "__main__":
    sys.exit(main())
