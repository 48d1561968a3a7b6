"""Opens an engine file with ONNX Runtime and runs one step of one batch."""

from pathlib import Path

import numpy as np
import onnxruntime

from trtllm_cpu.devices import visible_threads
from trtllm_cpu.engine.file import read_graph
from trtllm_cpu.engine.llama import Shard
from trtllm_cpu.errors import ToolchainError


def session_options(threads: int | None) -> onnxruntime.SessionOptions:
    """Options for every session here; threads None: this process's share of the cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or visible_threads()
    options.log_severity_level = 3
    # Spinning threads gain a tenth on idle cores and lose half where cores are shared, as they are in a pipeline.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_session(path: Path, threads: int | None, repack: bool) -> onnxruntime.InferenceSession:
    """A session over an engine file. Without `repack` its weights stay in the file's mapped pages.

    Errors: ToolchainError where the file is missing, truncated or no engine.
    """
    graph = read_graph(path)
    options = session_options(threads)
    options.add_session_config_entry("session.disable_prepacking", "0" if repack else "1")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base
        raise ToolchainError(f"{path} cannot be loaded ({error}); build the engine again with trtllm-build") from error


class KeyValueCache:
    """The keys and values of one sequence, or of a batch of equally long ones, for all layers of a shard.

    Each buffer is bound as both past and present, so a step appends in place. Pages are touched as they fill.
    """

    def __init__(self, session: onnxruntime.InferenceSession, shard: Shard, capacity: int, batch: int = 1):
        shape = (batch, shard.key_value_heads, capacity, shard.head_size)
        self.length = 0
        self.capacity = capacity
        self._binding = session.io_binding()
        self._session = session
        self._buffers = []
        for layer in shard.layers:
            for kind in ("key", "value"):
                buffer = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
                self._buffers.append(buffer)
                self._binding.bind_ortvalue_input(f"past_{kind}_{layer}", buffer)
                self._binding.bind_ortvalue_output(f"present_{kind}_{layer}", buffer)

    def step(self, token_ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Append token_ids [batch, tokens] int64; logits [len(positions), vocab] at `positions` (int64 [n, 2])."""
        self.length += token_ids.shape[1]
        binding = self._binding
        binding.bind_cpu_input("token_ids", token_ids)
        binding.bind_cpu_input("last_positions", np.full(token_ids.shape[0], self.length - 1, np.int32))
        binding.bind_cpu_input("total_length", np.array(self.length, np.int32))
        binding.bind_cpu_input("logit_positions", positions)
        binding.bind_output("logits")
        self._session.run_with_iobinding(binding)
        return binding.get_outputs()[-1].numpy()
