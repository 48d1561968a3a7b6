"""Writes a Hub mirror with one tiny random Llama and one tiny dataset, so that a whole pipeline takes seconds.

Arguments: the mirror's directory, and the directory of the CPU toolchain's own tests, whose random Llama this is.
"""

import json
import random
import sys
from pathlib import Path

ARTICLES = 72
VOCABULARY = 400
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SUBJECTS = ["The council", "A farmer", "The old harbour", "Our teacher", "The night train", "A small museum"]
VERBS = ["opened", "repaired", "sold", "painted", "lost", "counted", "moved", "praised"]
OBJECTS = ["a bridge", "the clock", "nine boats", "the library", "a field of barley", "every lamp", "the last tram"]
PLACES = ["in Varnby", "near the lake", "after the storm", "on Tuesday", "before the market", "without a word"]


def sentence(dice: random.Random) -> str:
    return " ".join(dice.choice(words) for words in (SUBJECTS, VERBS, OBJECTS, PLACES)) + "."


def write_dataset(directory: Path) -> list[str]:
    """Rows in the layout of cnn_dailymail; the same ones whenever it runs. Returns the articles."""
    directory.mkdir(parents=True)
    dice = random.Random(5)
    articles = [" ".join(sentence(dice) for _ in range(4)) for _ in range(ARTICLES)]
    rows = [
        json.dumps({"article": article, "highlights": article.split(". ")[0] + ".", "id": str(row)})
        for row, article in enumerate(articles)
    ]
    splits = ("train", "test")
    for split in splits:
        (directory / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
    files = "".join(f"      - split: {split}\n        path: {split}.jsonl\n" for split in splits)
    (directory / "README.md").write_text(f"---\nconfigs:\n  - config_name: 3.0.0\n    data_files:\n{files}---\n")
    return articles


def write_model(directory: Path, articles: list[str]) -> None:
    """A Llama of 6 heads and 2 layers over a byte-level vocabulary of its own."""
    from safetensors.numpy import save_file
    from tiny_llama import write_llama
    from tokenizers import ByteLevelBPETokenizer

    directory.mkdir(parents=True)
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(articles, vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    tokenizer.save(str(directory / "tokenizer.json"))
    names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, **names}))
    size = tokenizer.get_vocab_size()
    tensors = write_llama(
        directory,
        vocab_size=size,
        hidden_size=192,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=SPECIAL.index("<|im_start|>"),
        eos_token_id=SPECIAL.index("<|im_end|>"),
        torch_dtype="float16",
    )
    # A logit of 0 is never the highest: the model neither stops early nor writes halves of characters.
    for token in range(size):
        text = tokenizer.decode([token], skip_special_tokens=False)
        if token < len(SPECIAL) or not (text.isascii() and text.isprintable()):
            tensors["lm_head.weight"][token] = 0
    save_file(tensors, directory / "model.safetensors")


if __name__ == "__main__":
    mirror, tests = sys.argv[1:]
    sys.path.insert(0, tests)
    articles = write_dataset(Path(mirror, "datasets/tiny/cnn_dailymail/main"))
    write_model(Path(mirror, "models/tiny/llama/main"), articles)
