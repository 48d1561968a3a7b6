"""Parses every config.pbtxt of a model repository as Triton's model configuration.

Usage: parse_model_configs.py REPOSITORY; prints one JSON line, the configurations by model. One that is no
configuration ends it with its file and the parser's message.
"""

import json
import sys
from pathlib import Path

from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

configurations = {}
for file in sorted(Path(sys.argv[1]).glob("*/config.pbtxt")):
    try:
        configuration = text_format.Parse(file.read_text(encoding="utf-8"), ModelConfig())
    except text_format.ParseError as error:
        sys.exit(f"{file}: {error}")
    configurations[file.parent.name] = json_format.MessageToDict(configuration, preserving_proto_field_name=True)
print(json.dumps(configurations))
