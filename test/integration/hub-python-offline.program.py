"""What the official Python clients have kept of a Hub that is gone. Prints one JSON object."""

import json
import os
import sys

# Otherwise it asks the Hub for half a minute before it looks at what it has.
os.environ["HF_DATASETS_OFFLINE"] = "1"

from datasets import load_dataset
from huggingface_hub import hf_hub_download, snapshot_download

model, rows = sys.argv[1:]
with open(hf_hub_download(model, "config.json", local_files_only=True), encoding="utf-8") as file:
    config = file.read()
print(
    json.dumps(
        {
            "snapshot": snapshot_download(model, local_files_only=True),
            "file": config,
            "rows": [dict(row) for row in load_dataset(rows, split="train")],
        }
    )
)
