"""Makes what a tritonserver of a tiny Llama needs, with the programs of this checkout's toolchain.

Usage: tiny_triton.py DIRECTORY [RANKS]; prints one JSON line: the toolchain's root, its tritonserver, the model, its
engine of so many tensor parallel ranks (one), its model repository, and what the server's environment has besides the
caller's. The model recites a text of Chinese characters, a byte a token, and begins where the last byte of the prompt
says; it never ends by itself.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

TOOLCHAIN = Path(__file__).parents[2] / "toolchain-cpu"
sys.path[:0] = [str(TOOLCHAIN), str(TOOLCHAIN / "tests"), str(TOOLCHAIN / "src")]

from toolchain import AssembledRoot  # noqa: E402
from triton_server import build_engine, fill_templates, write_byte_model  # noqa: E402

import install  # noqa: E402

# No byte occurs twice, so that the next one follows from the last one alone.
RECITED = "猎豹你,陆地 是"


def recite(model: Path) -> None:
    """Gives the random model weights by which each byte of RECITED has the next one as its only likely successor."""
    encode = Tokenizer.from_file(str(model / "tokenizer.json")).encode
    cycle = encode(RECITED).ids
    assert len(set(cycle)) == len(cycle) == len(RECITED.encode())
    starts = [cycle.index(encode(character).ids[0]) for character in RECITED]
    weights = load_file(model / "model.safetensors")
    for name, tensor in weights.items():
        # attention and MLP add nothing, and norms only scale: what is seen of a token is its embedding
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor[:] = 0
        elif name.endswith("norm.weight"):
            tensor[:] = 1
    embeddings, head = weights["model.embed_tokens.weight"], weights["lm_head.weight"]
    head[:] = 0
    for position, token in enumerate(cycle):
        head[cycle[(position + 1) % len(cycle)]] = embeddings[token]
    for token in set(range(len(embeddings))) - set(cycle):
        embeddings[token] = embeddings[cycle[starts[token % len(starts)] - 1]]
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in weights.items()}, model / "model.safetensors")


def main() -> None:
    work, ranks = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    root = AssembledRoot(install.assemble_root(work / "toolchain", Path(sys.prefix)))
    write_byte_model(work / "model")
    recite(work / "model")
    engine = build_engine(root, work / "model", work, ranks)
    fill_templates(root, work / "repository", work / "model", engine, decoupled=True)
    server = root.path / "opt/tritonserver/bin/tritonserver"
    changed = {name: value for name, value in root.environment.items() if os.environ.get(name) != value}
    paths = {"toolchain": root.path, "program": server, "model": work / "model", "engine": engine}
    made = {name: str(path) for name, path in paths.items()}
    print(json.dumps({**made, "repository": str(work / "repository"), "environment": changed}))


if __name__ == "__main__":
    main()
