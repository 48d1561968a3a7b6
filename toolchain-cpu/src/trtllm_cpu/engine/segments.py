"""A rank's part of the model as a sequence of graphs, cut where ranks exchange activations.

One rank alone has one graph. With tensor parallelism a graph ends after each block, since all ranks' partial sums must
be added before the next one can begin; with pipeline parallelism the first graph of a later stage takes the hidden
state of the stage before it.
"""

from onnx import ModelProto, TensorProto

from trtllm_cpu.engine.graph import Graph, WeightStore
from trtllm_cpu.engine.llama import AttentionInputs, attention_inputs
from trtllm_cpu.engine.shard import Shard

HIDDEN = ["batch", "tokens", "hidden"]

PARTIAL_SUM = "partial_sum"
"""Output of a graph: a block's result, to be added up over the tensor parallel ranks."""
ADDED = "added"
"""Input of the next graph: that sum, or the hidden state of the stage before."""
RESIDUAL_OUT = "residual_out"
RESIDUAL_IN = "residual_in"
LOGITS = "logits"


class SegmentBuilder:
    """Builds the graphs one after the other: `graph`, `branch` and `residual` are what the next block goes on from."""

    def __init__(self, store: WeightStore, shard: Shard, rotary_base: float, positions: int):
        self.shard = shard
        self._store = store
        self._rotary_base = rotary_base
        self._positions = positions
        self._models: list[ModelProto] = []
        self._open()

    def begin_stage(self) -> None:
        """Takes the hidden state of the stage before as what the first block reads."""
        self.branch = self.graph.input(ADDED, TensorProto.FLOAT, HIDDEN)

    def attention_inputs(self) -> AttentionInputs:
        """The lengths and rotary tables of the graph at hand."""
        if self._inputs is None:
            self._inputs = attention_inputs(
                self.graph, self.shard, self._rotary_base, self._positions, step=self.branch
            )
        return self._inputs

    def advance(self, branch: str, residual: str | None) -> None:
        """Ends a block whose result is whole on every rank."""
        self.branch, self.residual = branch, residual

    def add_up(self, branch: str, residual: str | None) -> None:
        """Ends a block whose result is a partial sum on each tensor parallel rank."""
        if self.shard.tensor_size == 1:
            self.advance(branch, residual)
            return
        self._put_out(branch, residual)
        self._models.append(self.graph.model())
        self._open()
        self.branch = self.graph.input(ADDED, TensorProto.FLOAT, HIDDEN)
        if residual is not None:
            self.residual = self.graph.input(RESIDUAL_IN, TensorProto.FLOAT, HIDDEN)

    def end_stage(self) -> list[ModelProto]:
        """The graphs of a stage that another one follows: the last one's sums are what travels on."""
        if self.shard.tensor_size == 1:
            self._put_out(self.branch, self.residual)
            self._models.append(self.graph.model())
        return self._models

    def end(self, logits: str, vocabulary: int) -> list[ModelProto]:
        """The graphs of a last stage; `logits` is [chosen, vocabulary], the rank's part of it."""
        self.graph.node("Identity", [logits], [LOGITS])
        self.graph.output(LOGITS, TensorProto.FLOAT, ["chosen", vocabulary])
        return [*self._models, self.graph.model()]

    def _open(self) -> None:
        self.graph = Graph(self._store)
        self.branch = ""
        self.residual: str | None = None
        self._inputs: AttentionInputs | None = None

    def _put_out(self, branch: str, residual: str | None) -> None:
        for value, name in ((branch, PARTIAL_SUM), (residual, RESIDUAL_OUT)):
            if value is not None:
                self.graph.output(self.graph.node("Identity", [value], [name]), TensorProto.FLOAT, HIDDEN)
