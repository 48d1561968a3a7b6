import type { Digest } from '../contracts/artifacts.js';
import type { Configuration } from './config.js';

/** Path of an evidence's page on the evidence server. */
export const evidencePagePath = (digest: Digest): string => `/evidence/${digest}`;

/** Where the page of an evidence can be read; null where nobody has said what serves it (ENGINESMITH_EVIDENCE_URL). */
export const evidencePageUrl = ({ evidenceUrl }: Pick<Configuration, 'evidenceUrl'>, digest: Digest): string | null =>
  evidenceUrl === undefined ? null : `${evidenceUrl}${evidencePagePath(digest)}`;
