"""Serves the model repository of tensorrtllm_backend v0.10 with an engine of this toolchain:

    python3 serve_upstream_repository.py --checkout TENSORRTLLM_BACKEND --root ROOT --model_repo NEW_DIRECTORY \\
        --engine_dir ENGINE --tokenizer_dir MODEL [flags of launch_triton_server.py]

NEW_DIRECTORY becomes all_models/inflight_batcher_llm of the checkout, its config.pbtxt files filled by ROOT's
fill_template.py and its Python models as they are, but for tensorrt_llm, whose model.py is ROOT's: upstream's needs
TensorRT-LLM itself. Then this process becomes the mpirun that launch_triton_server.py would start, in the environment
that ROOT's toolchain.json asks for. Upstream's models tokenize with transformers: `install.py --dev` installs it, or
pip in the toolchain's environment. Needs only the standard library of Python 3.11 to 3.13.
"""

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

MODELS = Path("all_models/inflight_batcher_llm")
GENERATION = Path("tensorrt_llm/1/model.py")


def main() -> NoReturn:
    """Parses the command line, prepares the repository and serves it."""
    parser = argparse.ArgumentParser(description="Serve tensorrtllm_backend's model repository.", allow_abbrev=False)
    parser.add_argument("--checkout", type=Path, required=True, help="tensorrtllm_backend at v0.10.0")
    parser.add_argument("--root", type=Path, required=True, help="what install.py printed last")
    parser.add_argument("--model_repo", type=Path, required=True, help="a directory that does not exist yet")
    parser.add_argument("--engine_dir", type=Path, required=True)
    parser.add_argument("--tokenizer_dir", type=Path, required=True)
    parser.add_argument("--max_batch_size", type=int, default=1, help="requests at once; the engine's at most")
    parser.add_argument("--decoupled_mode", choices=["True", "False"], default="True")
    arguments, launch_flags = parser.parse_known_args()
    if not (arguments.checkout / MODELS).is_dir():
        parser.error(f"--checkout: expected a checkout of tensorrtllm_backend, {arguments.checkout} has no {MODELS}")
    if arguments.model_repo.exists():
        parser.error(f"--model_repo: {arguments.model_repo} exists; a template is filled once, name a new directory")
    prepare(arguments)
    launcher = runpy.run_path(str(arguments.root / "opt/scripts/launch_triton_server.py"))
    sys.argv[1:] = [f"--model_repo={arguments.model_repo}", *launch_flags]
    command = launcher["launch_command"](launcher["parse_arguments"]())
    os.execvpe(command[0], command, launcher["OPEN_MPI_PLACEMENT"] | toolchain_environment(arguments.root))


def toolchain_environment(root: Path) -> dict[str, str]:
    """This environment with what toolchain.json adds: lists go before the inherited search path."""
    wanted = json.loads((root / "toolchain.json").read_text(encoding="utf-8"))["environment"]
    paths = {
        name: os.pathsep.join([*value, *filter(None, [os.environ.get(name)])])
        for name, value in wanted.items()
        if isinstance(value, list)
    }
    return os.environ | wanted | paths


def prepare(arguments: argparse.Namespace) -> None:
    """Copies the models of the checkout, puts this toolchain's generation in and fills the templates."""
    repository: Path = arguments.model_repo
    shutil.copytree(arguments.checkout / MODELS, repository)
    shutil.copy2(arguments.root / "opt/ensemble_models/llama_ifb" / GENERATION, repository / GENERATION)
    for model, substitutions in template_values(arguments).items():
        fill = [sys.executable, arguments.root / "opt/scripts/fill_template.py", "-i"]
        subprocess.run([*fill, repository / model / "config.pbtxt", substitutions], check=True)


def template_values(arguments: argparse.Namespace) -> dict[str, str]:
    """What each model's template is filled with; what is left out keeps upstream's defaults."""
    batch = f"triton_max_batch_size:{arguments.max_batch_size}"
    decoupled = f"decoupled_mode:{arguments.decoupled_mode}"
    tokenizer = f"tokenizer_dir:{arguments.tokenizer_dir.resolve()}"
    return {
        "preprocessing": f"{tokenizer},{batch},preprocessing_instance_count:1",
        "postprocessing": f"{tokenizer},{batch},postprocessing_instance_count:1",
        "tensorrt_llm_bls": f"{batch},{decoupled},bls_instance_count:1,accumulate_tokens:True,"
        "tensorrt_llm_model_name:tensorrt_llm",
        "ensemble": batch,
        "tensorrt_llm": f"triton_backend:python,{batch},{decoupled},engine_dir:{arguments.engine_dir.resolve()},"
        "batching_strategy:inflight_fused_batching,max_queue_delay_microseconds:0,max_beam_width:1,"
        "exclude_input_in_output:True",
    }


if __name__ == "__main__":
    main()
