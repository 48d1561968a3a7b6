import { createHash, timingSafeEqual } from 'node:crypto';

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/**
 * Whether a request may see a gated repository. The statuses are the Hub's: 401 asks for a token, 403 refuses the one given.
 * @param header the request's Authorization
 */
export function checkToken(header: string | undefined, tokens: readonly string[]): 'allowed' | 401 | 403 {
  const token = /^Bearer (\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) return 401;
  const given = digestOf(token);
  return tokens.some((known) => timingSafeEqual(digestOf(known), given)) ? 'allowed' : 403;
}
