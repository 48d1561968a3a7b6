import { defineSearchAttributeKey } from '@temporalio/common';

/** What pipelines can be searched by in the Web UI and the CLI. Workers register them, or say how. */
export const searchAttributes = {
  modelId: defineSearchAttributeKey('ModelId', 'KEYWORD'),
  quantization: defineSearchAttributeKey('Quantization', 'KEYWORD'),
  pipelinePhase: defineSearchAttributeKey('PipelinePhase', 'KEYWORD'),
  gateVerdict: defineSearchAttributeKey('GateVerdict', 'KEYWORD'),
} as const;
