"""Which part of a model each rank has: stages hold layers, tensor parallel ranks share the heads of a stage."""

from dataclasses import dataclass, replace

from trtllm_cpu.checkpoint.config import CheckpointConfig, Mapping
from trtllm_cpu.engine.kv_cache import KeyValueFormat
from trtllm_cpu.errors import ToolchainError

HEAD_SIZE_MULTIPLE = 16
"""What GroupQueryAttention asks of a head that it rotates."""


@dataclass(frozen=True)
class Shard:
    """The part of the model that one graph computes: its layers, and its share of each layer's heads and channels."""

    tensor_rank: int
    tensor_size: int
    stage: int
    stages: int
    layers: range
    heads: int
    key_value_heads: int
    intermediate_size: int
    head_size: int
    norm_epsilon: float
    key_value_format: KeyValueFormat

    @property
    def is_first_stage(self) -> bool:
        """Whether token ids come in here: only then is there an embedding."""
        return self.stage == 0

    @property
    def is_last_stage(self) -> bool:
        """Whether logits come out here: only then are there a final norm and a head."""
        return self.stage == self.stages - 1


def shard_of_rank(config: CheckpointConfig, rank: int) -> Shard:
    """The shard of rank = stage * tp_size + tensor rank.

    Errors: as check_shards.
    """
    check_shards(config)
    mapping = config.mapping
    stage, tensor_rank = divmod(rank, mapping.tp_size)
    layers = config.num_hidden_layers // mapping.pp_size
    return Shard(
        tensor_rank=tensor_rank,
        tensor_size=mapping.tp_size,
        stage=stage,
        stages=mapping.pp_size,
        layers=range(stage * layers, (stage + 1) * layers),
        heads=config.num_attention_heads // mapping.tp_size,
        key_value_heads=max(1, config.num_key_value_heads // mapping.tp_size),
        intermediate_size=config.intermediate_size // mapping.tp_size,
        head_size=config.head_size,
        norm_epsilon=config.norm_epsilon,
        key_value_format=config.key_value_format,
    )


def whole_model(config: CheckpointConfig) -> Shard:
    """The shard that has everything: the only one of a tp 1, pp 1 engine. Errors: as shard_of_rank."""
    return shard_of_rank(replace(config, mapping=Mapping()), rank=0)


def check_shards(config: CheckpointConfig) -> None:
    """Errors: ToolchainError for heads that attention cannot run, and for a tp_size or pp_size that does not split the
    model evenly, naming the legal ones.
    """
    if config.head_size % HEAD_SIZE_MULTIPLE:
        raise ToolchainError(
            f"the model's head_size is {config.head_size}; supported: multiples of {HEAD_SIZE_MULTIPLE}"
        )
    mapping = config.mapping
    if not _divides_tensors(config, mapping.tp_size):
        legal = [size for size in range(1, config.num_attention_heads + 1) if _divides_tensors(config, size)]
        raise ToolchainError(
            f"tp_size {mapping.tp_size} does not split {config.num_attention_heads} heads, "
            f"{config.num_key_value_heads} KV heads and the intermediate size {config.intermediate_size} evenly; "
            f"legal: {_listed(legal)}"
        )
    layers = config.num_hidden_layers
    if mapping.pp_size < 1 or layers % mapping.pp_size:
        legal = [size for size in range(1, layers + 1) if layers % size == 0]
        raise ToolchainError(
            f"pp_size {mapping.pp_size} does not split {layers} layers evenly; legal: {_listed(legal)}"
        )


def _divides_tensors(config: CheckpointConfig, size: int) -> bool:
    """As TensorRT-LLM: KV heads are split, or each is held by several ranks where there are fewer than ranks."""
    key_value_heads = config.num_key_value_heads
    return (
        size >= 1
        and config.num_attention_heads % size == 0
        and (key_value_heads % size == 0 or size % key_value_heads == 0)
        and config.intermediate_size % size == 0
    )


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes))
