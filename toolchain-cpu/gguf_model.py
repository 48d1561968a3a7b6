"""Reads a Llama model from a GGUF file as Hugging Face has it: config, weights, tokenizer.

The names and meanings of GGUF fields are llama.cpp's (gguf.constants in the `gguf` package).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL_TOKEN = 3  # gguf.TokenType.CONTROL
GLOBAL_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


@dataclass(frozen=True)
class LlamaModel:
    """A Llama model in memory: `config` and `tokenizer_config` as their JSON files hold them, `tensors` in float16."""

    config: dict
    generation_config: dict
    tokenizer: Tokenizer
    tokenizer_config: dict
    special_tokens: dict
    tensors: dict[str, np.ndarray]


def read_llama(path: Path) -> LlamaModel:
    """Reads the GGUF file at `path`. Raises ValueError unless it is a Llama with a GPT-2 (byte-level BPE) tokenizer."""
    reader = GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    if fields["general.architecture"] != "llama" or fields["tokenizer.ggml.model"] != "gpt2":
        raise ValueError(
            f"{path}: expected a Llama model with a gpt2 tokenizer, found {fields['general.architecture']}"
        )
    config = llama_config(fields, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
    special_tokens = special_token_names(fields)
    return LlamaModel(
        config=config,
        generation_config={key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")},
        tokenizer=bpe_tokenizer(fields),
        tokenizer_config={
            "add_bos_token": fields["tokenizer.ggml.add_bos_token"],
            "add_prefix_space": False,
            "chat_template": fields["tokenizer.chat_template"],
            "clean_up_tokenization_spaces": False,
            "model_max_length": config["max_position_embeddings"],
            "tokenizer_class": "PreTrainedTokenizerFast",
            **special_tokens,
        },
        special_tokens=special_tokens,
        tensors=llama_tensors(reader, config),
    )


def llama_config(fields: dict, tied: bool) -> dict:
    """The config.json of Hugging Face's LlamaForCausalLM for the GGUF metadata `fields`."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "hidden_act": "silu",
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "max_position_embeddings": fields["llama.context_length"],
        "model_type": "llama",
        "num_attention_heads": fields["llama.attention.head_count"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"],
        # GGUF holds float32; the shortest decimal of that float32 is the number that the author wrote.
        "rms_norm_eps": float(str(np.float32(fields["llama.attention.layer_norm_rms_epsilon"]))),
        "rope_scaling": None,
        "rope_theta": float(fields["llama.rope.freq_base"]),
        "tie_word_embeddings": tied,
        "torch_dtype": "float16",
        "vocab_size": fields["llama.vocab_size"],
    }


def special_token_names(fields: dict) -> dict[str, str]:
    """Hugging Face's names of the special tokens (bos_token, …) and their text."""
    tokens = fields["tokenizer.ggml.tokens"]
    kinds = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
    return {name: tokens[fields[f"tokenizer.ggml.{kind}_token_id"]] for name, kind in kinds.items()}


def bpe_tokenizer(fields: dict) -> Tokenizer:
    """The byte-level BPE of the GGUF vocabulary; numbers are split into digits, as the `smollm` pre-tokenizer does."""
    if fields["tokenizer.ggml.pre"] != "smollm":
        raise ValueError(f"tokenizer.ggml.pre: expected smollm, found {fields['tokenizer.ggml.pre']}")
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    kinds = fields["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer


def llama_tensors(reader: GGUFReader, config: dict) -> dict[str, np.ndarray]:
    """All tensors of `reader`, dequantized to float16, under Hugging Face's names and in its layout."""
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    tensors = {}
    for tensor in reader.tensors:
        parts = tensor.name.split(".")
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float16)
        if parts[0] != "blk":
            tensors[f"{GLOBAL_NAMES[parts[0]]}.weight"] = weight
            continue
        if parts[2] in heads:
            weight = interleaved_to_halves(weight, heads[parts[2]])
        tensors[f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}.weight"] = weight
    return tensors


def interleaved_to_halves(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorders the rows of a Q or K projection [heads * head size, hidden].

    llama.cpp rotates neighbouring rows of a head, Hugging Face row i with row i + head size / 2.
    """
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
