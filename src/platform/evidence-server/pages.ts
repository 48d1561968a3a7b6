import { htmlDocument, htmlTemplate } from '../../gate/evidence-page/document.js';
import { verdictSentence } from '../../gate/verdict-sentence.js';
import { evidencePagePath } from '../evidence-url.js';
import type { EvidenceEntry } from './evidence-shelf.js';

interface IndexView {
  entries: Record<'path' | 'verdict' | 'sentence' | 'at' | 'name', string>[];
}

const indexTemplate = htmlTemplate<IndexView>(`
<main>
<p class="kind">Enginesmith</p>
<h2>Gate evidence, the newest first</h2>
<% if (it.entries.length === 0) { %><p class="note">There is none yet: a pipeline leaves some at each look of its gate.</p><% } else { %>
<div class="panel wide"><table>
<thead><tr><th>verdict</th><th>why</th><th class="number">when, UTC</th></tr></thead>
<tbody>
<% it.entries.forEach((entry) => { %>
<tr><td><span class="outcome <%= entry.verdict %>"><%= entry.verdict %></span></td><td><a href="<%= entry.path %>"><%= entry.sentence %></a><small><%= entry.name %></small></td><td class="number"><%= entry.at %></td></tr>
<% }) %>
</tbody></table></div>
<% } %>
</main>
`);

/** A list of evidence as a page. */
export const indexPage = (entries: readonly EvidenceEntry[]): string =>
  htmlDocument(
    'Gate evidence · Enginesmith',
    indexTemplate({
      entries: entries.map((entry) => ({
        path: evidencePagePath(entry.digest),
        verdict: entry.decision.verdict,
        sentence: verdictSentence(entry),
        at: entry.at.toISOString().slice(0, 16).replace('T', ' '),
        name: entry.digest.slice(0, 12),
      })),
    }),
  );

const refusalTemplate = htmlTemplate<{ message: string }>(`
<main><p class="kind">Enginesmith</p><h2><%= it.message %></h2><p><a href="/">All gate evidence</a></p></main>
`);

/** A page in place of what was asked for. */
export const refusalPage = (message: string): string => htmlDocument('Enginesmith', refusalTemplate({ message }));
