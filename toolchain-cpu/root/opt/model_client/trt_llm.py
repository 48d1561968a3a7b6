"""Asks a model that Triton serves one question over streaming gRPC, and prints the answer while it comes."""

import argparse
import sys
from pathlib import Path

# Started by hand, without the environment that toolchain.json asks for, it finds its library in the root all the same.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "enginesmith/python"))

from trtllm_cpu.triton.client import Question, ServerError, ask, new_text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--question", required=True, help="the prompt, sent as it is: no chat template is applied")
    parser.add_argument("--port", type=int, default=8001, help="gRPC port on this host")
    parser.add_argument("--url", help="host:port, instead of --port")
    parser.add_argument("--model", choices=["ensemble", "tensorrt_llm_bls"], default="ensemble")
    parser.add_argument("--max_tokens", type=int, default=128)
    parser.add_argument("--no-stream", action="store_true", help="get the whole answer as one response")
    parser.add_argument(
        "--overwrite-output-text",
        action="store_true",
        help="each response is the text so far: for tensorrt_llm_bls with accumulate_tokens",
    )
    arguments = parser.parse_args()

    question = Question(arguments.question, arguments.max_tokens, stream=not arguments.no_stream)
    texts = ask(arguments.url or f"127.0.0.1:{arguments.port}", arguments.model, question)
    try:
        for text in new_text(texts) if arguments.overwrite_output_text else texts:
            print(text, end="", flush=True)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
