"""config.json of a checkpoint, with v0.10's keys and defaults."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from trtllm_cpu.engine.kv_cache import KeyValueFormat, key_value_format_of_algorithm
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import LlamaShape

DTYPES = ("float16", "bfloat16", "float32")

_OF_OTHER_EXPORTERS = {
    "bias": False,
    "lm_head_bias": False,
    "residual_mlp": False,
    "rmsnorm": True,
    "rotary_pct": 1.0,
    "decoder": "llama",
    "moe_num_experts": 0,
}
"""Keys that say what the keys here say or take for granted; their values for a plain Llama."""


@dataclass(frozen=True)
class Mapping:
    """How ranks share the model: rank = pp_rank * tp_size + tp_rank."""

    world_size: int = 1
    tp_size: int = 1
    pp_size: int = 1
    gpus_per_node: int = 8

    @classmethod
    def of_sizes(cls, tp_size: int, pp_size: int) -> "Mapping":
        """The mapping of so many ranks; whether a model can be split so, check_shards of engine/shard.py says."""
        return cls(world_size=tp_size * pp_size, tp_size=tp_size, pp_size=pp_size)


@dataclass(frozen=True)
class Quantization:
    """The quantization block; `quant_algo` is the key of the format table."""

    quant_algo: str | None = None
    kv_cache_quant_algo: str | None = None
    group_size: int = 128
    smoothquant_val: float | None = None
    has_zero_point: bool = False
    pre_quant_scale: bool = False
    exclude_modules: list[str] | None = None


@dataclass(frozen=True)
class CheckpointConfig:
    """A Llama checkpoint's configuration. Keys that a newer exporter leaves out have v0.10's defaults."""

    vocab_size: int
    max_position_embeddings: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_size: int
    intermediate_size: int
    norm_epsilon: float
    dtype: str
    architecture: str = "LlamaForCausalLM"
    logits_dtype: str = "float32"
    qk_layernorm: bool = False
    hidden_act: str = "silu"
    position_embedding_type: str = "rope_gpt_neox"
    use_parallel_embedding: bool = False
    embedding_sharding_dim: int = 0
    share_embedding_table: bool = False
    kv_dtype: str = ""
    rotary_base: float = 10000.0
    rotary_scaling: dict | None = None
    attn_bias: bool = False
    mlp_bias: bool = False
    mapping: Mapping = field(default_factory=Mapping)
    quantization: Quantization = field(default_factory=Quantization)

    @classmethod
    def for_model(cls, shape: LlamaShape, dtype: str, **others: Any) -> "CheckpointConfig":
        """The configuration of a model of that shape, its weights stored as `dtype`."""
        return cls(**asdict(shape), dtype=dtype, kv_dtype=dtype, **others)

    @classmethod
    def parse(cls, values: dict, where: str) -> "CheckpointConfig":
        """From config.json's values; keys that do not matter here are dropped, and null is as good as none.

        Errors: ToolchainError naming `where` and the field: a missing size, an architecture, rope or activation that
        is not supported, a world size that is not tp * pp.
        """
        for name, plain in _OF_OTHER_EXPORTERS.items():
            if values.get(name, plain) not in (plain, None):
                raise ToolchainError(f"{where}: {name} is {values[name]!r}; supported: {plain!r}")
        chosen: dict[str, Any] = _known(cls, values)
        mapping = _known(Mapping, values.get("mapping") or {})
        mapping.setdefault("world_size", mapping.get("tp_size", 1) * mapping.get("pp_size", 1))
        chosen["mapping"] = Mapping(**mapping)
        chosen["quantization"] = Quantization(**_known(Quantization, values.get("quantization") or {}))
        if "num_attention_heads" in chosen:
            heads = chosen["num_attention_heads"]
            chosen["num_key_value_heads"] = chosen.get("num_key_value_heads") or heads
            chosen["head_size"] = chosen.get("head_size") or chosen.get("hidden_size", 0) // heads
        try:
            config = cls(**chosen)
        except TypeError as error:
            raise ToolchainError(f"{where}: incomplete checkpoint configuration ({error}); convert again") from error
        config._check(where)
        return config

    @property
    def key_value_format(self) -> KeyValueFormat:
        """How engines of this checkpoint keep keys and values."""
        return key_value_format_of_algorithm(self.quantization.kv_cache_quant_algo, "config.json")

    def to_json(self) -> dict:
        """The values as config.json holds them."""
        return asdict(self)

    def _check(self, where: str) -> None:
        plain = CheckpointConfig.__dataclass_fields__
        for name in ("architecture", "hidden_act", "position_embedding_type", "qk_layernorm", "attn_bias", "mlp_bias"):
            if getattr(self, name) != plain[name].default:
                raise ToolchainError(f"{where}: {name} is {getattr(self, name)!r}; supported: {plain[name].default!r}")
        if self.rotary_scaling not in (None, {"type": "default"}, {"rope_type": "default"}):
            raise ToolchainError(f"{where}: rotary_scaling is {self.rotary_scaling}; supported: null (plain rope)")
        if self.dtype not in DTYPES:
            raise ToolchainError(f"{where}: dtype is {self.dtype!r}; supported: {', '.join(DTYPES)}")
        if self.quantization.has_zero_point:
            raise ToolchainError(f"{where}: quantization.has_zero_point is True; supported: False (symmetric weights)")
        key_value_format_of_algorithm(self.quantization.kv_cache_quant_algo, where)
        mapping = self.mapping
        if mapping.world_size != mapping.tp_size * mapping.pp_size:
            raise ToolchainError(
                f"{where}: mapping.world_size is {mapping.world_size}, but tp_size * pp_size is "
                f"{mapping.tp_size} * {mapping.pp_size}; convert again"
            )


def _known(kind: type, values: dict) -> dict:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in values.items() if name in names and value is not None}
