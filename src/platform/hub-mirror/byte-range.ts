import type { IncomingHttpHeaders } from 'node:http';

export interface ByteRange {
  start: number;
  /** Inclusive. */
  end: number;
}

/**
 * The range that a request asks for, by RFC 9110: ranges of another form, several at once, ranges of another version of
 * the file (If-Range) and ranges of an empty file are answered with the whole file.
 * @param etag of the file as it is now
 */
export function parseRange(
  headers: IncomingHttpHeaders,
  etag: string,
  bytes: number,
): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '');
  const ifRange = headers['if-range'];
  if (match === null || bytes === 0 || (ifRange !== undefined && ifRange !== etag)) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (first !== '' && last !== '' && Number(last) < start) return 'whole';
  return start > end ? 'unsatisfiable' : { start, end };
}
