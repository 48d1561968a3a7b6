/** Colours of plots and of the page around them: custom properties, so that one drawing is readable in light and in dark. */
export const palette = {
  card: 'var(--card)',
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  line: 'var(--line)',
  accent: 'var(--accent)',
  good: 'var(--good)',
  bad: 'var(--bad)',
  goodArea: 'var(--good-area)',
  badArea: 'var(--bad-area)',
  meanArea: 'var(--mean-area)',
} as const;
