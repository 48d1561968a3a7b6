import type { GateEvidence } from '../../contracts/gate.js';
import { htmlDocument } from './document.js';
import { pageTemplate } from './page-template.js';
import { pageView } from './page-view.js';

/**
 * The evidence as one HTML document for people: the verdict, what decided, every article in plots, the articles that lost
 * most side by side, and how to compute it again. It fetches nothing and runs nothing, and the same evidence gives the same
 * bytes. At most some thousand characters of each text are shown; evidence.json has the rest.
 */
export function renderEvidencePage(evidence: GateEvidence): string {
  const view = pageView(evidence);
  return htmlDocument(`${view.verdict} · gate evidence · Enginesmith`, pageTemplate(view));
}
