import pc from 'picocolors';
import { EnginesmithFailure } from '../contracts/failures.js';
import { findingText } from './finding-text.js';
import { oneScreen } from './one-screen.js';

/** Ends a failed command's output: a failure of ours as its message, anything else as the bug that it is, with its stack. */
export function reportFailure(failure: unknown, { json }: { json: boolean }): void {
  const known = failure instanceof EnginesmithFailure;
  const refused = isRefusal(failure);
  if (json) {
    const error = known
      ? {
          type: failure.type,
          message: failure.message,
          context: failure.context,
          ...(failure.findings.length === 0 ? {} : { findings: failure.findings }),
        }
      : {
          type: refused ? 'HostRefused' : 'Bug',
          message: failure instanceof Error ? failure.message : `${failure}`,
          context: {},
        };
    process.stdout.write(`${JSON.stringify({ error })}\n`);
  }
  // The errors are in the message; what else lint found of the same spec would come to light only after they are mended.
  const others = known ? failure.findings.filter(({ severity }) => severity !== 'error') : [];
  for (const finding of others) process.stderr.write(`${findingText(finding)}\n`);
  const text =
    known || refused ? oneScreen(`error: ${failure.message}`, '--json has all') : `error: ${bug}\n${describe(failure)}`;
  process.stderr.write(`${text.replace('error:', pc.red('error:'))}\n`);
}

/** What the host says of the user's own files, disks and limits: no bug, and its message names the path. */
const refusals: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENOTDIR']);

const isRefusal = (failure: unknown): failure is Error =>
  failure instanceof Error && 'syscall' in failure && 'code' in failure && refusals.has(failure.code);

const bug = 'this is a bug in Enginesmith; please report it.';

const describe = (failure: unknown): string =>
  failure instanceof Error ? (failure.stack ?? failure.message) : `${failure}`;
