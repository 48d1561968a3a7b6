"""Opens an engine file, or a graph in memory, with ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper

from trtllm_cpu.devices import visible_threads
from trtllm_cpu.engine.file import read_graphs
from trtllm_cpu.errors import ToolchainError

SPIN_MICROSECONDS = "20"
"""How long an idle thread of a session looks for work before it sleeps."""


def session_options(threads: int | None, repack: bool = True) -> onnxruntime.SessionOptions:
    """Options for every session here; threads None: this process's share of the cores.

    Without `repack` the runtime computes with the weights where they are, instead of with a copy in its own order.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_prepacking", "0" if repack else "1")
    options.intra_op_num_threads = threads or visible_threads()
    options.log_severity_level = 3
    # Long enough for the next node's work to come: on idle cores a token takes a third less time than with threads that
    # sleep at once. Threads that spin on lose half where cores are shared, as they are in a pipeline.
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)
    return options


def open_sessions(path: Path, threads: int | None, repack: bool) -> list[onnxruntime.InferenceSession]:
    """A session over each graph of an engine file, in the order in which they run.

    Without `repack` the weights stay in the file's mapped pages. Errors: ToolchainError where the file is missing,
    truncated or no engine.
    """
    graphs = read_graphs(path)
    options = session_options(threads, repack)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    try:
        return [onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]) for graph in graphs]
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
