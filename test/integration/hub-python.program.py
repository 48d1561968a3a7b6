"""What the official Python clients get from a Hub. Reads HF_ENDPOINT; prints one JSON object."""

import json
import sys

import pyarrow.parquet
from datasets import load_dataset
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

model, many, gated, rows, columns = sys.argv[1:]
api = HfApi()
files = HfFileSystem()


def error_of(call):
    try:
        call()
    except (EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        return type(error).__name__
    return None


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def parts_of(entries):
    return sum("part-" in entry for entry in entries)


refs = api.list_repo_refs(model, include_pull_requests=True)
snapshot = snapshot_download(model)
with files.open(f"{model}/model.safetensors", "rb") as weights:
    weights.seek(-4, 2)
    tail = weights.read()
weights = next(
    file for file in api.model_info(model, files_metadata=True).siblings if file.rfilename == "model.safetensors"
)
paths = [f"part-{index}.txt" for index in range(1100)]
shards = f"hf://datasets/{columns}/3.0.0"

print(
    json.dumps(
        {
            "snapshot": snapshot,
            "mismatches": len(api.verify_repo_checksums(model).mismatches),
            "file": read(hf_hub_download(model, "config.json")),
            "pullRequestFile": read(hf_hub_download(model, "config.json", revision="refs/pr/1")),
            "branchFile": read(hf_hub_download(model, "config.json", revision="team/trial")),
            "nested": read(hf_hub_download(model, "sub dir/täst#1.json")),
            "commit": api.model_info(model).sha,
            "commitOfPullRequest": api.model_info(model, revision="refs/pr/1").sha,
            "weights": [weights.size, weights.lfs.sha256],
            "files": api.list_repo_files(model),
            "exists": [api.file_exists(model, "config.json"), api.revision_exists(model, "none")],
            "branches": {ref.name: ref.target_commit for ref in refs.branches},
            "pullRequests": [ref.ref for ref in refs.pull_requests],
            "ls": [entry["name"] for entry in files.ls(model)],
            "lsPullRequest": files.ls(f"{model}@refs/pr/1", detail=False),
            "lsBranch": files.ls(f"{model}@team%2Ftrial", detail=False),
            "glob": files.glob(f"{model}/**/*.json"),
            "walk": [[top, sorted(below)] for top, below, _ in files.walk(model)],
            "tail": tail.decode(),
            "range": files.cat_file(f"{model}/config.json", start=2, end=5).decode(),
            "info": files.info(f"{model}/model.safetensors")["size"],
            "paths": [entry.path for entry in api.get_paths_info(model, ["config.json", "sub dir", "none"], expand=True)],
            "many": [
                parts_of(api.list_repo_files(many)),
                parts_of(files.find(many)),
                parts_of(entry.path for entry in api.get_paths_info(many, paths)),
            ],
            "rows": [dict(row) for row in load_dataset(rows, split="train")],
            "streamed": next(iter(load_dataset(rows, split="train", streaming=True))),
            "parquet": len(load_dataset(columns, split="test")),
            "parquetByAddress": len(load_dataset("parquet", data_files=f"{shards}/*.parquet", split="train")),
            "parquetByRanges": pyarrow.parquet.read_table(f"datasets/{columns}/3.0.0", filesystem=files).num_rows,
            "gated": read(hf_hub_download(gated, "config.json", token="hf_right")),
            "errors": [
                error_of(lambda: api.model_info("org/none")),
                error_of(lambda: hf_hub_download(model, "config.json", revision="none")),
                error_of(lambda: hf_hub_download(model, "none.json")),
                error_of(lambda: hf_hub_download(gated, "other.json")),
                error_of(lambda: hf_hub_download(gated, "other.json", token="hf_wrong")),
            ],
        }
    )
)
