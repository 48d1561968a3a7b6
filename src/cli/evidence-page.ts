import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EVIDENCE_PAGE } from '../contracts/gate.js';
import type { Configuration } from '../platform/config.js';
import { placesOf } from '../platform/places.js';
import { filesDirectoryName, storeLayout } from '../platform/store/layout.js';
import type { PipelineOutcome } from './pipeline-outcome.js';

/** Where the gate's evidence can be read; null before a gate, and where this host does not have the store. */
export function evidencePage(configuration: Configuration, { steps }: PipelineOutcome): string | null {
  const gate = steps.find(({ name }) => name === 'gate');
  if (gate === undefined) return null;
  const page = join(
    storeLayout(placesOf(configuration).store).artifact(gate.digest),
    filesDirectoryName,
    EVIDENCE_PAGE,
  );
  return existsSync(page) ? page : null;
}
