import cdf from '@stdlib/stats-base-dists-normal-cdf';
import pdf from '@stdlib/stats-base-dists-normal-pdf';

export interface SpentAlpha {
  /** One-sided error of a bound at this look alone. */
  nominalAlpha: number;
  /** Spent at this look and those before it: the chance that any of them errs. */
  spentAlpha: number;
}

/** A density on the scale of a Brownian motion (z × √t), as weighted points: where the looks so far did not decide. */
interface Undecided {
  fraction: number;
  points: Float64Array;
  weights: Float64Array;
}

/** Beyond this many standard deviations a normal density weighs nothing (6 × 10⁻¹⁶). */
const farthest = 8;
const widestStep = 1 / 16;
/** Points for each standard deviation of what a look adds, so that Simpson's rule sees it smooth, and the most of them. */
const stepsPerIncrement = 6;
const mostSteps = 4000;

/** Share of α spent at information fraction t: the Lan–DeMets function that gives nearly Pocock's constant boundary. */
const spentShare = (fraction: number) => Math.log(1 + (Math.E - 1) * fraction);

/** Chance that the next look, with `increment` more information, lies above `boundary` when no look before it decided. */
function crossing(before: Undecided, increment: number, boundary: number): number {
  const spread = Math.sqrt(increment);
  return before.points.reduce(
    (total, point, index) => total + (before.weights[index] ?? 0) * (1 - cdf((boundary - point) / spread, 0, 1)),
    0,
  );
}

/** The boundary that is crossed with just this chance, by bisection: the chance only falls. */
function boundaryFor(chance: number, before: Undecided, fraction: number): number {
  let low = -farthest * Math.sqrt(fraction);
  let high = farthest * Math.sqrt(fraction);
  for (let halving = 0; halving < 60; halving += 1) {
    const middle = (low + high) / 2;
    if (crossing(before, fraction - before.fraction, middle) > chance) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

interface Look {
  before: Undecided;
  /** Information that this look adds, and that the next one will. */
  increment: number;
  nextIncrement: number;
  boundary: number;
}

/** Carries the density over to the next look and cuts off what that look decides: Simpson's rule up to its boundary. */
function undecidedAfter({ before, increment, boundary, nextIncrement }: Look): Undecided {
  const fraction = before.fraction + increment;
  const scale = Math.sqrt(fraction);
  const step = Math.min(widestStep * scale, Math.sqrt(nextIncrement) / stepsPerIncrement);
  const range = boundary + farthest * scale;
  const steps = 2 * Math.ceil(Math.min(range / step, mostSteps) / 2);
  const points = Float64Array.from({ length: steps + 1 }, (_, index) => boundary - range + (range * index) / steps);
  const spread = Math.sqrt(increment);
  const weights = points.map((point, index) => {
    const simpson = index === 0 || index === steps ? 1 : index % 2 === 1 ? 4 : 2;
    const density = before.points.reduce(
      (total, from, place) => total + (before.weights[place] ?? 0) * pdf(point, from, spread),
      0,
    );
    return (density * simpson * range) / steps / 3;
  });
  return { fraction, points, weights };
}

/**
 * The one-sided level of each look so that all of them together err with chance α, spent by the Pocock-type function
 * α·ln(1 + (e − 1)·t) of Lan and DeMets (Biometrika 1983), where t is the share of the budget that was seen. The joint
 * normal density of the sequential statistics is integrated look by look (Armitage, McPherson and Rowe 1969). A level
 * holds for t statistics too when their own quantile at it is used (the significance-level approach: Jennison and
 * Turnbull, Group Sequential Methods, 2000, chapter 3). No kept JavaScript library computes such boundaries.
 *
 * @param looks articles seen at each look, ascending; the last is the budget
 */
export function spendAlpha({ alpha, looks }: { alpha: number; looks: readonly number[] }): SpentAlpha[] {
  const budget = looks.at(-1) ?? 0;
  const fractions = looks.map((articles) => articles / budget);
  let before: Undecided = { fraction: 0, points: Float64Array.of(0), weights: Float64Array.of(1) };
  let spent = 0;
  return fractions.map((fraction, index) => {
    const spentAlpha = alpha * spentShare(fraction);
    const increment = fraction - before.fraction;
    const boundary = boundaryFor(spentAlpha - spent, before, fraction);
    const nominalAlpha = index === 0 ? spentAlpha : 1 - cdf(boundary / Math.sqrt(fraction), 0, 1);
    const next = fractions[index + 1];
    if (next !== undefined) before = undecidedAfter({ before, increment, boundary, nextIncrement: next - fraction });
    spent = spentAlpha;
    return { nominalAlpha, spentAlpha };
  });
}
