import { isIP } from 'node:net';
import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import { type ProxySettings, readProxySettings } from './hub/proxy.js';

/** What a worker process does. One process may have several roles. */
const workerRoles = ['orchestrator', 'cpu', 'gpu', 'serve'] as const;
export type WorkerRole = (typeof workerRoles)[number];

const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  // Addresses stand in messages, histories and records.
  .refine((value) => new URL(value).username === '' && new URL(value).password === '', {
    error: 'must not hold a user name or password; a Hub takes a token, in HF_TOKEN',
    when: ({ issues }) => issues.length === 0,
  })
  .transform((value) => value.replace(/\/+$/, ''));

/** Core of the SDK takes no host names. */
function isSocketAddress(value: string): boolean {
  const [, address = '', port = ''] = /^\[?(.+?)\]?:(\d+)$/.exec(value) ?? [];
  return isIP(address) !== 0 && Number(port) < 65_536;
}

const environmentSchema = z
  .object({
    ENGINESMITH_HOME: z.string().min(1).default(join(homedir(), '.local/share/enginesmith')),
    ENGINESMITH_CACHE: z.string().min(1).default(join(homedir(), '.cache/enginesmith')),
    ENGINESMITH_HOST: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be a host name in lower case')
      .default(hostname().toLowerCase().slice(0, 63)),
    ENGINESMITH_ROLES: z
      .string()
      .default(workerRoles.join(','))
      .transform((value) => value.split(',').map((role) => role.trim()))
      .pipe(z.array(z.enum(workerRoles, `must be a comma-separated list of ${workerRoles.join(', ')}`)).min(1)),
    ENGINESMITH_BUILD_ID: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, 'must be letters, digits, ".", "_", "+" and "-", at most 128')
      .optional(),
    ENGINESMITH_WORKER_DEPLOYMENT: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be letters, digits, "_" and "-", at most 64')
      .default('enginesmith'),
    ENGINESMITH_TOOLCHAIN_ROOT: z.string().min(1).optional(),
    ENGINESMITH_STALL_SECONDS: z.coerce.number({ error: 'must be a number of seconds' }).positive().optional(),
    ENGINESMITH_METRICS_ADDRESS: z
      .string()
      .refine(isSocketAddress, 'must be an IP address and a port, as in 127.0.0.1:9464')
      .optional(),
    ENGINESMITH_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    ENGINESMITH_HUB_MIRROR: z.string().min(1).optional(),
    ENGINESMITH_WEB_UI: url.optional(),
    ENGINESMITH_EVIDENCE_URL: url.optional(),
    ENGINESMITH_REMOTE_STORE: z
      .string()
      .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9._/-]*)?$/, 'must be as s3://bucket/prefix')
      .optional(),
    AWS_ENDPOINT_URL_S3: url.optional(),
    AWS_ENDPOINT_URL: url.optional(),
    ENGINESMITH_SIGNING_KEY: z.string().min(1).optional(),
    ENGINESMITH_TRUSTED_KEYS: z
      .string()
      .default('')
      .transform((value) => value.split(',').flatMap((file) => file.trim() || [])),
    ENGINESMITH_REQUIRE_PROVENANCE: z.enum(['0', '1'], 'must be 0 or 1').default('0'),
    TEMPORAL_CLI_PATH: z.string().min(1).default('temporal'),
    HF_ENDPOINT: url.default('https://huggingface.co'),
    HF_TOKEN: z.string().min(1).optional(),
    HF_TOKEN_PATH: z.string().min(1).optional(),
  })
  .refine(
    ({ ENGINESMITH_REQUIRE_PROVENANCE: required, ENGINESMITH_TRUSTED_KEYS: keys }) =>
      required === '0' || keys.length > 0,
    {
      path: ['ENGINESMITH_TRUSTED_KEYS'],
      error: 'must name a key file: with ENGINESMITH_REQUIRE_PROVENANCE=1, nothing else is promoted',
    },
  );

/** Where artifacts are kept for all hosts. Region and credentials are the S3 client's to find. */
export interface RemoteStoreAddress {
  bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  prefix: string;
  /** Of a server that is not AWS's: it has its buckets in paths. */
  endpoint: string | undefined;
}

/** Everything that a process takes from its environment; paths are absolute. Temporal's own variables are envconfig's. */
export interface Configuration {
  /** State: artifacts, jobs, leases, deployments, Temporal's database. */
  home: string;
  /** What can be fetched again. */
  cache: string;
  /** Names this host in task queues and records. */
  host: string;
  roles: WorkerRole[];
  /** Which build of the workflows' code this is; undefined, workers are not versioned. */
  buildId?: string | undefined;
  /** Name of the Worker Deployment in Temporal whose versions the builds are. */
  workerDeployment: string;
  toolchainRoot: string | undefined;
  metricsAddress: string | undefined;
  /** How long a tool may show no progress, in place of each step's own limits. */
  stallMs?: number | undefined;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** The file at `tokenPath` is read at each request; where it is, it counts and `token` does not. */
  hub: { endpoint: string; token: string | undefined; tokenPath?: string; proxy: ProxySettings | undefined };
  /** The bucket behind the store of this host; undefined where hosts share the store, or there is but one. */
  remoteStore: RemoteStoreAddress | undefined;
  /** Files of keys: what statements about artifacts are signed with, and whom promotions trust where they must. */
  provenance: { signingKey: string | undefined; trustedKeys: string[]; requireProvenance: boolean };
  /** Directory that the embedded environment serves as a Hub, unless HF_ENDPOINT names another one. */
  hubMirror: string | undefined;
  /** Temporal's binary, for the embedded server. */
  temporalProgram: string;
  /** Of a server that is not the embedded one, for links. */
  webUi: string | undefined;
  /** Where an evidence server of this store is reached, for links to the pages of gates. */
  evidenceUrl?: string | undefined;
}

/**
 * Reads the configuration of this process.
 * @throws EnginesmithFailure `PrerequisiteMissing` naming each variable that is wrong
 */
export function readConfiguration(environment: NodeJS.ProcessEnv): Configuration {
  // An empty variable is one that is not set, as in shells and compose files.
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(present);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new EnginesmithFailure('PrerequisiteMissing', ['The environment is not usable:', ...problems].join('\n'));
  }
  const values = parsed.data;
  return {
    home: resolve(values.ENGINESMITH_HOME),
    cache: resolve(values.ENGINESMITH_CACHE),
    host: values.ENGINESMITH_HOST,
    roles: values.ENGINESMITH_ROLES,
    buildId: values.ENGINESMITH_BUILD_ID,
    workerDeployment: values.ENGINESMITH_WORKER_DEPLOYMENT,
    toolchainRoot: absolute(values.ENGINESMITH_TOOLCHAIN_ROOT),
    metricsAddress: values.ENGINESMITH_METRICS_ADDRESS,
    stallMs: values.ENGINESMITH_STALL_SECONDS && values.ENGINESMITH_STALL_SECONDS * 1000,
    logLevel: values.ENGINESMITH_LOG_LEVEL,
    hub: {
      endpoint: values.HF_ENDPOINT,
      token: values.HF_TOKEN,
      tokenPath: resolve(values.HF_TOKEN_PATH ?? join(values.ENGINESMITH_HOME, 'hf-token')),
      proxy: readProxySettings(present),
    },
    remoteStore: remoteStoreOf(values.ENGINESMITH_REMOTE_STORE, values.AWS_ENDPOINT_URL_S3 ?? values.AWS_ENDPOINT_URL),
    provenance: {
      signingKey: absolute(values.ENGINESMITH_SIGNING_KEY),
      trustedKeys: values.ENGINESMITH_TRUSTED_KEYS.map((file) => resolve(file)),
      requireProvenance: values.ENGINESMITH_REQUIRE_PROVENANCE === '1',
    },
    hubMirror: present.HF_ENDPOINT === undefined ? absolute(values.ENGINESMITH_HUB_MIRROR) : undefined,
    temporalProgram: values.TEMPORAL_CLI_PATH,
    webUi: values.ENGINESMITH_WEB_UI,
    evidenceUrl: values.ENGINESMITH_EVIDENCE_URL,
  };
}

function remoteStoreOf(address: string | undefined, endpoint: string | undefined): RemoteStoreAddress | undefined {
  if (address === undefined) return undefined;
  const { hostname: bucket, pathname } = new URL(address);
  return { bucket, prefix: pathname.replace(/^\/+|\/+$/g, ''), endpoint };
}

const absolute = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));
