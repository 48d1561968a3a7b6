/** One stylesheet for the evidence and the list of evidence: light and dark, from a phone to a desk, and on paper. */
export const stylesheet = `
:root { color-scheme: light; --paper: #fbfbfa; --card: #ffffff; --ink: #1c2024; --muted: #646d76; --line: #dfe2e5;
  --accent: #2f6fb5; --good: #18794e; --bad: #c42b37; --open: #9a6200; --good-area: rgb(24 121 78 / .10);
  --bad-area: rgb(196 43 55 / .10); --open-area: rgb(154 98 0 / .10); --mean-area: rgb(47 111 181 / .16);
  --mark: rgb(47 111 181 / .15); }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --paper: #111315; --card: #191c1f;
  --ink: #eceef0; --muted: #9ba3ab; --line: #33383d; --accent: #74aef0; --good: #4cc38a; --bad: #ff7b84; --open: #f0b440;
  --good-area: rgb(76 195 138 / .13); --bad-area: rgb(255 123 132 / .14); --open-area: rgb(240 180 64 / .13);
  --mean-area: rgb(116 174 240 / .22); --mark: rgb(116 174 240 / .22); } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 28px 20px 72px; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  -webkit-text-size-adjust: 100%; }
h1, h2, h3, p, figure { margin: 0; }
h2 { margin: 44px 0 4px; font-size: 20px; line-height: 1.3; letter-spacing: -.01em; }
h2 + p { margin-bottom: 14px; }
h3 { font-size: 15px; }
p.note, figcaption, .facts dt, th { color: var(--muted); font-size: 13.5px; }
a { color: var(--accent); }
.kind { color: var(--muted); font-size: 13px; letter-spacing: .02em; }
.PASS { --tone: var(--good); --area: var(--good-area); }
.FAIL { --tone: var(--bad); --area: var(--bad-area); }
.INCONCLUSIVE { --tone: var(--open); --area: var(--open-area); }
.verdict { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 440px); gap: 8px 36px; align-items: center;
  margin-top: 8px; padding: 26px 30px 22px; border: 1px solid var(--line); border-left: 8px solid var(--tone);
  border-radius: 10px; background: linear-gradient(var(--area), var(--area)), var(--card); }
.verdict h1 { color: var(--tone); font-size: clamp(38px, 5.4vw, 62px); line-height: 1.05; font-weight: 800;
  letter-spacing: -.03em; }
.verdict .reason { margin-top: 10px; font-size: 18px; line-height: 1.45; text-wrap: pretty; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 32px; grid-column: 1 / -1; margin: 8px 0 0; padding-top: 14px;
  border-top: 1px solid var(--line); }
.facts dd { margin: 0; font-weight: 600; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.panel, .article { padding: 16px 18px; border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  min-width: 0; break-inside: avoid; }
.panel figcaption { margin-top: 6px; }
.panel h3 { margin-bottom: 8px; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
th { font-weight: 500; vertical-align: bottom; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
.outcome { display: inline-block; padding: 0 9px; border-radius: 99px; background: var(--area); color: var(--tone);
  font-size: 13px; font-weight: 700; }
.lost { color: var(--bad); }
td small { display: block; color: var(--muted); font-size: 13px; }
.article { margin-top: 14px; }
.article header { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; }
.article header strong { font-size: 17px; font-variant-numeric: tabular-nums; }
.texts { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px 24px; margin-top: 12px; }
.texts h3 { display: flex; justify-content: space-between; gap: 10px; padding-bottom: 4px; margin-bottom: 6px;
  border-bottom: 2px solid var(--line); }
.text { max-height: 26em; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
  contain: paint; font-size: 14.5px; }
mark { padding: 1px 0; border-radius: 2px; background: var(--mark); color: inherit; }
.fault { margin-bottom: 6px; color: var(--bad); font-size: 13.5px; font-weight: 600; }
details { margin-top: 10px; }
summary { color: var(--accent); cursor: pointer; }
details > .text { margin-top: 6px; padding: 8px 12px; border-left: 3px solid var(--line); color: var(--muted); }
.articles td:last-child { min-width: 16em; color: var(--muted); overflow-wrap: anywhere; unicode-bidi: plaintext; }
pre { margin: 0; padding: 14px 16px; overflow-x: auto; border: 1px solid var(--line); border-radius: 10px;
  background: var(--card); font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
footer { margin-top: 44px; color: var(--muted); font-size: 13px; }
@media (max-width: 760px) {
  body { padding: 14px 12px 48px; }
  .verdict { grid-template-columns: minmax(0, 1fr); padding: 18px 16px; }
  .verdict .reason { font-size: 16.5px; }
  .panel, .article { padding: 14px 12px; }
  .texts { grid-template-columns: minmax(0, 1fr); }
  th, td { padding: 6px 6px; }
  .criteria thead { display: none; }
  .criteria tr { display: grid; grid-template-columns: auto 1fr; padding: 8px 0; border-bottom: 1px solid var(--line); }
  .criteria tr:last-child { border-bottom: 0; }
  .criteria td { padding: 1px 0; border: 0; text-align: right; }
  .criteria td:first-child { grid-column: 1 / -1; text-align: left; }
  .criteria td[data-name] { grid-column: 1 / -1; display: flex; justify-content: space-between; }
  .criteria td[data-name]::before { content: attr(data-name); color: var(--muted); }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  .text { max-height: none; }
  .verdict { -webkit-print-color-adjust: exact; print-color-adjust: exact; break-inside: avoid; }
  mark, svg, .outcome { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h2 { break-after: avoid; }
}
`;
