import { htmlTemplate } from './document.js';
import type { PageView } from './page-view.js';

/** The body of the evidence page. */
export const pageTemplate = htmlTemplate<PageView>(`
<main>
<p class="kind">Enginesmith · gate evidence</p>
<section class="verdict <%= it.verdict %>">
<div>
<h1><%= it.verdict %></h1>
<p class="reason"><%= it.reason %></p>
</div>
<figure><%~ it.plots.interval %></figure>
<dl class="facts">
<% it.facts.forEach((fact) => { %><div><dt><%= fact.name %></dt><dd><%= fact.value %></dd></div><% }) %>
</dl>
</section>

<h2>What decides</h2>
<p class="note">The gate passes when every row does, and fails when one does. Bounds are one-sided, each at the error that
this look may spend; all looks together keep <%= it.alpha %>.</p>
<div class="panel wide"><table class="criteria">
<thead><tr><th>criterion</th><th class="number">estimate</th><th class="number">bounds</th><th class="number">limit</th><th class="number">outcome</th></tr></thead>
<tbody>
<% it.criteria.forEach((criterion) => { %>
<tr><td><%= criterion.title %><small><%= criterion.unit %><%= criterion.open %></small></td><td class="number" data-name="estimate"><%= criterion.estimate %></td>
<td class="number" data-name="bounds"><%= criterion.lowerBound %> … <%= criterion.upperBound %></td><td class="number" data-name="limit"><%= criterion.side %> <%= criterion.limit %></td>
<td class="number" data-name="outcome"><span class="outcome <%= criterion.outcome %>"><%= criterion.outcome %></span></td></tr>
<% }) %>
</tbody></table></div>

<h2>Article by article</h2>
<p class="note">Both sides answered the same <%= it.articleCount %> articles; each dot is one of them<% if (it.degenerateCount > 0) { %>, each
diamond one whose candidate is no answer at all<% } %>. The dashed line is the margin.</p>
<div class="panels">
<figure class="panel"><h3>What each article gained or lost</h3><%~ it.plots.differences %>
<figcaption>The band is the interval of the mean. Single articles may lie below the margin: the mean decides.</figcaption></figure>
<figure class="panel"><h3>Baseline against candidate</h3><%~ it.plots.scores %>
<figcaption>On the diagonal nothing changed; above it the candidate is better.</figcaption></figure>
<figure class="panel"><h3>Look by look</h3><%~ it.plots.looks %>
<figcaption>The mean as articles come in, and the interval at this look. The gate stops as soon as the interval lies on one side of the margin.</figcaption></figure>
<div class="panel"><h3>Mean scores</h3><table>
<thead><tr><th>ROUGE F1, points</th><th class="number">baseline</th><th class="number">candidate</th><th class="number">difference</th></tr></thead>
<tbody>
<% it.means.forEach((mean) => { %>
<tr><td><% if (mean.decides) { %><strong><%= mean.metric %></strong> decides<% } else { %><%= mean.metric %><% } %></td><td class="number"><%= mean.baseline %></td>
<td class="number"><%= mean.candidate %></td><td class="number<%= mean.lost ? ' lost' : '' %>"><%= mean.difference %></td></tr>
<% }) %>
</tbody></table>
<figcaption>Words are stemmed, as rouge-score does it with use_stemmer.</figcaption></div>
</div>
<% if (it.measures.length > 0) { %>

<h2>Beside ROUGE</h2>
<div class="panel wide"><table>
<thead><tr><th>measure</th><th class="number">baseline</th><th class="number">candidate</th></tr></thead>
<tbody>
<% it.measures.forEach((measure) => { %>
<tr><td><%= measure.title %><small><%= measure.meaning %></small></td><td class="number"><%= measure.baseline %></td><td class="number"><%= measure.candidate %></td></tr>
<% }) %>
</tbody></table></div>
<% } %>

<h2>The <%= it.worst.length %> articles that lost most</h2>
<p class="note">Words that the reference has too are <mark>marked</mark>: they are what ROUGE counts.</p>
<% it.worst.forEach((article) => { %>
<article class="article">
<header><h3>Row <%= article.row %></h3><strong class="<%= article.lost ? 'lost' : '' %>"><%= article.difference %></strong><% if (article.agreement) { %><span class="kind"><%= article.agreement %></span><% } %></header>
<% if (article.question.text !== '') { %><details><summary>The question</summary><div class="text" dir="auto"><%= article.question.text %><% if (article.question.leftOut > 0) { %> <span class="kind">… <%= article.question.leftOut %> more in evidence.json</span><% } %></div></details><% } %>
<div class="texts">
<section><h3>Reference</h3><div class="text" dir="auto"><%= article.reference.text %><% if (article.reference.leftOut > 0) { %> <span class="kind">… <%= article.reference.leftOut %> more in evidence.json</span><% } %></div></section>
<% article.sides.forEach((side) => { %>
<section><h3><%= side.name %> <span><%= side.score %></span></h3><% if (side.degenerations.length > 0) { %><p class="fault">No answer: <%= side.degenerations.join(', ') %></p><% } %>
<div class="text" dir="auto"><% side.passages.forEach((passage) => { %><% if (passage.shared) { %><mark><%= passage.text %></mark><% } else { %><%= passage.text %><% } %><% }) %><% if (side.empty) { %><span class="kind">(empty)</span><% } %><% if (side.leftOut > 0) { %> <span class="kind">… <%= side.leftOut %> more in evidence.json</span><% } %></div></section>
<% }) %>
</div>
</article>
<% }) %>

<h2>All articles</h2>
<details><summary><%= it.articleCount %> articles by row</summary>
<div class="wide"><table class="articles">
<thead><tr><th class="number">row</th><th class="number">baseline</th><th class="number">candidate</th><th class="number">difference</th><th class="number">top-1</th><th>candidate’s text</th></tr></thead>
<tbody>
<% it.rows.forEach((row) => { %>
<tr><td class="number"><%= row.row %></td><td class="number"><%= row.baseline %></td><td class="number"><%= row.candidate %></td><td class="number<%= row.lost ? ' lost' : '' %>"><%= row.difference %></td><td class="number"><%= row.agreement %></td><td dir="auto"><% if (row.degenerations !== '') { %><span class="fault"><%= row.degenerations %></span> <% } %><%= row.start %></td></tr>
<% }) %>
</tbody></table></div></details>

<h2>What the tool printed</h2>
<% if (it.printed.length === 0) { %><p class="note">The scores that summarize.py prints were not at hand.</p><% } else { %>
<p class="note">summarize.py prints a bootstrap aggregate, not the plain mean. The gap is the largest distance of its four scores from
those of the same texts, computed its way.</p>
<div class="panel wide"><table>
<thead><tr><th>side and rows</th><% it.metrics.forEach((metric) => { %><th class="number"><%= metric %></th><% }) %><th>compares</th><th class="number">gap</th></tr></thead>
<tbody>
<% it.printed.forEach((check) => { %>
<tr><td><%= check.side %> <%= check.rows %></td><% check.scores.forEach((score) => { %><td class="number"><%= score %></td><% }) %><td><%= check.way %></td><td class="number"><%= check.gap %></td></tr>
<% }) %>
</tbody></table></div>
<% } %>

<h2>Compute it again</h2>
<p class="note">evidence.json holds every text and every reference: the first criterion follows from it alone.</p>
<pre><code><%= it.script %></code></pre>
<footer>Policy version <%= it.policyVersion %>. This page fetches nothing and runs nothing.</footer>
</main>
`);
