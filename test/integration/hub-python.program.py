"""What the official Python clients get from a Hub. Reads HF_ENDPOINT; prints one JSON object."""

import json
import sys

from datasets import load_dataset
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

model, dataset = sys.argv[1:]
api = HfApi()
files = HfFileSystem()


def error_of(call):
    try:
        call()
    except (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        return type(error).__name__
    return None


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


refs = api.list_repo_refs(model, include_pull_requests=True)
with files.open(f"{model}/model.safetensors", "rb") as weights:
    weights.seek(-4, 2)
    tail = weights.read()

print(
    json.dumps(
        {
            "snapshot": snapshot_download(model),
            "file": read(hf_hub_download(model, "config.json")),
            "pullRequestFile": read(hf_hub_download(model, "config.json", revision="refs/pr/1")),
            "branchFile": read(hf_hub_download(model, "config.json", revision="team/trial")),
            "nested": read(hf_hub_download(model, "sub dir/täst#1.json")),
            "commit": api.model_info(model).sha,
            "commitOfPullRequest": api.model_info(model, revision="refs/pr/1").sha,
            "files": api.list_repo_files(model),
            "exists": [api.file_exists(model, "config.json"), api.revision_exists(model, "none")],
            "branches": {ref.name: ref.target_commit for ref in refs.branches},
            "pullRequests": [ref.ref for ref in refs.pull_requests],
            "ls": [entry["name"] for entry in files.ls(model)],
            "lsPullRequest": files.ls(f"{model}@refs/pr/1", detail=False),
            "lsBranch": files.ls(f"{model}@team%2Ftrial", detail=False),
            "glob": files.glob(f"{model}/**/*.json"),
            "tail": tail.decode(),
            "rows": [dict(row) for row in load_dataset(dataset, split="train")],
            "streamed": next(iter(load_dataset(dataset, split="train", streaming=True))),
            "errors": [
                error_of(lambda: api.model_info("org/none")),
                error_of(lambda: hf_hub_download(model, "config.json", revision="none")),
                error_of(lambda: hf_hub_download(model, "none.json")),
            ],
        }
    )
)
