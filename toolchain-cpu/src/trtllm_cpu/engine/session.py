"""Opens an engine file, or a graph in memory, with ONNX Runtime and runs one step of one batch."""

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper

from trtllm_cpu.devices import visible_threads
from trtllm_cpu.engine.file import read_graph
from trtllm_cpu.engine.llama import Shard
from trtllm_cpu.errors import ToolchainError


def session_options(threads: int | None, repack: bool = True) -> onnxruntime.SessionOptions:
    """Options for every session here; threads None: this process's share of the cores.

    Without `repack` the runtime computes with the weights where they are, instead of with a copy in its own order.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_prepacking", "0" if repack else "1")
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
    options = session_options(threads, repack)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base
        raise ToolchainError(f"{path} cannot be loaded ({error}); build the engine again with trtllm-build") from error


class MemoryWeights:
    """A weight store for a session of this process: the weights stay in memory, outside a graph's limit of 2 GB."""

    def __init__(self) -> None:
        self._values: dict[str, onnxruntime.OrtValue] = {}

    def place(self, name: str, array: np.ndarray) -> TensorProto:
        """Keeps the array and returns the initializer that stands for it."""
        self._values[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="memory")
        return tensor

    def open_session(self, model: ModelProto, threads: int | None) -> onnxruntime.InferenceSession:
        """A session over `model`, whose weights were placed here."""
        options = session_options(threads, repack=False)
        options.add_external_initializers(list(self._values), list(self._values.values()))
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


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
                buffer = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, shard.key_value_format.dtype))
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
