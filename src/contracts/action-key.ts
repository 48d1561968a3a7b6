import type { ActionKey, Digest } from './artifacts.js';
import { canonicalDigest, type JsonObject } from './canonical-json.js';

export interface ActionKeyParts {
  step: string;
  /** Raised when the step's output contract changes, so that older artifacts no longer hit. */
  stepVersion: number | string;
  /** Null where no toolchain is involved: downloads, the gate. */
  toolchainIdentity: string | null;
  /** Only what changes the output: no worker counts, paths, ports or timeouts. */
  parameters: JsonObject;
  /** Content digests by the role that the input plays. */
  inputs: Readonly<Record<string, Digest>>;
  /** Null unless the output depends on the architecture of the GPU that makes it. */
  gpuArchitecture: string | null;
}

/**
 * The name of what a step would make, known before it is made.
 * @throws InvalidSpec when a part holds what JSON cannot: undefined, NaN, infinities.
 */
export function actionKey(parts: ActionKeyParts): ActionKey {
  const { step, stepVersion, toolchainIdentity, parameters, inputs, gpuArchitecture } = parts;
  return canonicalDigest({
    schema: 'enginesmith/action/v1',
    step,
    stepVersion,
    toolchainIdentity,
    parameters,
    inputs,
    gpuArchitecture,
  });
}
