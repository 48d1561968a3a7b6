/** Forms in which well-known services give out credentials, and an address that holds one. */
const SECRET =
  /\bhf_[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnvapi-[\w-]{20,}|\bsk-(?:proj-|ant-\w+-)?[A-Za-z0-9_]{20,}|\bxox[abprs]-[\w-]{10,}|\bAKIA[A-Z0-9]{16}\b|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY|:\/\/[^\s/@:]{1,200}:[^\s/@]{1,200}@/g;

const SECRET_KEY =
  /^(?:hf[_-]?)?(?:auth[_-]?)?(?:token|api[_-]?key|password|passwd|secret|credentials?|authorization|access[_-]?(?:token|key))$/i;
const ENDPOINT_KEY = /^(?:hf[_-]?|hub[_-]?|base[_-]?)?(?:endpoint|url|address|proxy)$/i;
const PORT_KEY = /^(?:grpc|http|metrics)?[_-]?port$/i;

/** Fields that name something on the Hub or a host, where people paste what their browser shows. */
const NAMING_KEYS = new Set(['repository', 'revision', 'host']);
const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;

/** What is visited at most: a spec has some hundred values, and what is beyond them is refused as unknown. */
const MAXIMUM_VALUES = 10_000;

/** A text in which nothing can be read that opens a door: of each secret, its first characters stay. */
export const maskSecrets = (text: string): string => text.replaceAll(SECRET, (secret) => `${secret.slice(0, 3)}…`);

const TOKENS_BELONG = 'a spec holds no secrets: tokens belong to the workers, in HF_TOKEN';
const ADDRESSES_BELONG = 'a spec holds no addresses: the Hub is the workers’, in HF_ENDPOINT';

const PORTS_BELONG = 'a spec holds no ports: a revision gets free ones, which `enginesmith deployments` prints';

function repositoryOf(address: string): string | undefined {
  const path = URL.canParse(address) ? new URL(address).pathname : '';
  return /^\/(?:datasets\/)?([A-Za-z0-9][\w.-]{0,79}\/[A-Za-z0-9][\w.-]{0,79})(?:\/|$)/.exec(path)?.[1];
}

function problemOf(key: string, value: unknown): string | undefined {
  if (SECRET_KEY.test(key)) return TOKENS_BELONG;
  if (ENDPOINT_KEY.test(key)) return ADDRESSES_BELONG;
  if (PORT_KEY.test(key)) return PORTS_BELONG;
  if (typeof value !== 'string') return undefined;
  const masked = maskSecrets(value);
  if (masked !== value) return `looks like a secret ("${/\S{0,10}…/.exec(masked)?.[0] ?? '…'}"): ${TOKENS_BELONG}`;
  if (!NAMING_KEYS.has(key) || !ADDRESS.test(value)) return undefined;
  const repository = key === 'repository' ? repositoryOf(value) : undefined;
  return `is an address${repository === undefined ? '' : `: write "${repository}"`}; ${ADDRESSES_BELONG}`;
}

/**
 * What a spec holds that belongs elsewhere: tokens, endpoints. Looks at keys too, known or not.
 * @returns problems by the field's full name; no problem quotes a secret
 */
export function findMisplaced(spec: unknown): Map<string, string> {
  const problems = new Map<string, string>();
  const open: { path: string; value: unknown }[] = [{ path: '', value: spec }];
  for (let visited = 0; visited < MAXIMUM_VALUES; visited += 1) {
    const next = open.pop();
    if (next === undefined) break;
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, value] of Object.entries(next.value).slice(0, MAXIMUM_VALUES)) {
      const path = next.path === '' ? key : `${next.path}.${key}`;
      const problem = problemOf(key, value);
      if (problem !== undefined) problems.set(path, problem);
      else if (open.length < MAXIMUM_VALUES) open.push({ path, value });
    }
  }
  return problems;
}
