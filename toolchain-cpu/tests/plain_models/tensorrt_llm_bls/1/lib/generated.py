"""What tensorrt_llm answered, in a dataclass whose defaults only Python 3.10 takes by itself."""

from dataclasses import dataclass

import numpy as np

NOTHING = np.array([])


@dataclass
class Generated:
    output_ids: np.ndarray = NOTHING
    sequence_length: np.ndarray = NOTHING
    cum_log_probs: np.ndarray | None = None
    output_log_probs: np.ndarray | None = None
