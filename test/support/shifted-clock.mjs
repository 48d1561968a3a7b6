/*
 * Preloaded into a worker: its wall clock goes wrong by as many milliseconds as CHAOS_CLOCK_FILE says, from the moment it says
 * so. Every process that has seen it adds a line to `<file>.seen`.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const file = process.env.CHAOS_CLOCK_FILE;
const RealDate = Date;
let shiftMs = 0;

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + shiftMs);
    else super(...parts);
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
};

const look = () => {
  let told = 0;
  try {
    told = Number(readFileSync(file, 'utf8'));
  } catch {
    // Nobody has said anything yet.
  }
  if (told === shiftMs) return;
  shiftMs = told;
  appendFileSync(`${file}.seen`, `${process.pid} ${threadId} ${shiftMs}\n`);
};
setInterval(look, 50).unref();
