#!/usr/bin/env python3
"""run.py of the CPU reference toolchain."""

import sys

from trtllm_cpu.run.program import main

if __name__ == "__main__":
    sys.exit(main())
