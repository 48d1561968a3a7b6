"""postprocessing: the tokens of one response to text."""

import numpy as np

from trtllm_cpu.tokenizer import ModelTokenizer

from .tensors import Tensors

# Passed through untouched: input name to output name.
SCORES = {
    "CUM_LOG_PROBS": "OUT_CUM_LOG_PROBS",
    "OUTPUT_LOG_PROBS": "OUT_OUTPUT_LOG_PROBS",
    "CONTEXT_LOGITS": "OUT_CONTEXT_LOGITS",
    "GENERATION_LOGITS": "OUT_GENERATION_LOGITS",
}


def postprocess(tensors: Tensors, tokenizer: ModelTokenizer, skip_special_tokens: bool) -> dict[str, np.ndarray]:
    """OUTPUT [beams] holds one text a beam: TOKENS_BATCH is [1, beams, n], SEQUENCE_LENGTH [1, beams] how many count.

    It has no batch dimension, as upstream's has none: its clients take the first element for the text.
    """
    lengths = tensors["SEQUENCE_LENGTH"].reshape(-1)
    beams = tensors["TOKENS_BATCH"].reshape(len(lengths), -1)
    texts = [
        tokenizer.decode(beam[:length].tolist(), skip_special_tokens).encode("utf-8")
        for beam, length in zip(beams, lengths, strict=True)
    ]
    passed = {output: tensors[name] for name, output in SCORES.items() if name in tensors}
    return {"OUTPUT": np.array(texts, dtype=np.object_)} | passed
