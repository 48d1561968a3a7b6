import { type GpuDevice, uuidOf } from './device.js';
import type { Loan } from './lease-state.js';

interface Lending {
  holder: string;
  /** The runs whose steps may lease its devices. */
  to: readonly string[];
  devices: readonly GpuDevice[];
  /** How long the loan lasts unless it is renewed. */
  keptMs: number;
}

/** Whether a loan keeps its device from a request. */
export const keepsFrom = (
  { holder, borrower }: { holder: string; borrower?: string | undefined },
  loan: Loan,
): boolean => loan.holder !== holder && (borrower === undefined || !loan.to.includes(borrower));

/** A holder's loans, of which there may have been some before. */
export function lent(loans: readonly Loan[], { holder, to, devices, keptMs }: Lending): Loan[] {
  const until = endingIn(keptMs);
  return devices.map((device) => {
    const uuid = uuidOf(device);
    const known = loans.find((loan) => loan.holder === holder && loan.uuid === uuid);
    const since = known?.since ?? new Date().toISOString();
    return { uuid, index: device.index, holder, since, to: [...to], until };
  });
}

/** The loans, with those of a holder renewed that are half over; undefined where there are none. */
export function renewed(
  loans: readonly Loan[],
  { holder, keptMs }: Pick<Lending, 'holder' | 'keptMs'>,
): Loan[] | undefined {
  // Each change is a file: who has half of its time left is as good as new.
  const isDue = (loan: Loan): boolean =>
    loan.holder === holder && lasts(loan) && Date.parse(loan.until) - Date.now() < keptMs / 2;
  if (!loans.some(isDue)) return undefined;
  const until = endingIn(keptMs);
  return loans.map((loan) => (isDue(loan) ? { ...loan, until } : loan));
}

/** Whether a loan, or a waiter's place, is not over yet. */
export const lasts = ({ until }: { until: string }): boolean => Date.parse(until) > Date.now();

const endingIn = (durationMs: number): string => new Date(Date.now() + durationMs).toISOString();
