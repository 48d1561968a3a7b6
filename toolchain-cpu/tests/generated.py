"""What an engine generates, as the token ids that most tests look at."""

from trtllm_cpu.engine.runtime import Engine, Sampling


def generated(
    engine: Engine, prompt_ids: list[int], count: int, end_id: int | None = None, sampling: Sampling | None = None
) -> list[int]:
    """Up to `count` new tokens."""
    return [choice.token_id for choice in engine.start(prompt_ids, count, end_id, sampling)]
