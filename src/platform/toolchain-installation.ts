import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { GpuDevice } from './gpus/device.js';
import type { DeclaredDevice } from './gpus/host-gpus.js';
import { parseJson } from './parse-json.js';

/** How a host runs a toolchain whose programs are in a docker image. */
export interface DockerRunner {
  kind: 'docker';
  /** As docker takes it: by tag, by digest, or both. */
  image: string;
  /** The toolchain's root inside the image. */
  root: string;
  /** The docker client: a path, or a name on the worker's PATH. */
  program: string;
  /** As in `nvidia`, for hosts whose GPUs need it beside `--gpus`. */
  runtime?: string | undefined;
}

/** Host: its programs are processes of this host, below the root. */
type Runner = { kind: 'host' } | DockerRunner;

const runner: z.ZodType<Runner> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('host') }),
  z.strictObject({
    kind: z.literal('docker'),
    image: z.string().regex(/^[a-z0-9][A-Za-z0-9._/:@-]*$/, 'must be an image name, with a tag or a digest'),
    root: z.string().regex(/^\//, 'must be a path inside the image that starts with "/"').default('/'),
    program: z.string().min(1).default('docker'),
    runtime: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be the name of a docker runtime')
      .optional(),
  }),
]);

/** A virtual device whole, or a GPU by its UUID or its index; what else is said of a GPU must be what its driver says. */
const device = z
  .object({
    index: z.int().min(0).optional(),
    class: z.string().min(1).optional(),
    memoryBytes: z.int().positive().optional(),
    uuid: z
      .string()
      .regex(/^(GPU|MIG)-[A-Za-z0-9/-]+$/, 'must be as `nvidia-smi -L` prints it')
      .optional(),
  })
  .refine(({ uuid, index }) => uuid !== undefined || index !== undefined, 'must have a uuid, or an index');

const description = z
  .object(
    {
      name: z.string().min(1),
      release: z.string().min(1),
      identity: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'must be a sha256')
        .optional(),
      environment: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
      devices: z.array(device).min(1).optional(),
      runner: runner.default({ kind: 'host' }),
    },
    'must be a JSON object',
  )
  .superRefine(({ identity, runner: { kind } }, context) => {
    if (kind === 'host' && identity === undefined) {
      context.addIssue({ code: 'custom', path: ['identity'], message: 'must be a sha256 over all that is installed' });
    }
    if (kind === 'docker' && identity !== undefined) {
      const message = "is the image's digest when the runner is docker: remove it";
      context.addIssue({ code: 'custom', path: ['identity'], message });
    }
  });

/** What `toolchain.json` says. */
export interface ToolchainDescription {
  /** Where its programs are: a directory of this host, or of the image. Without a slash at its end; empty for `/`. */
  root: string;
  name: string;
  release: string;
  /** sha256 over all that it is made of; undefined while an image is known by its tag only. */
  identity: string | undefined;
  /** What steps may lease: GPUs of the host, or virtual ones that the toolchain declares; undefined, all GPUs. */
  devices: DeclaredDevice[] | undefined;
  /** What its programs need in their environment. Lists are joined by colons, in front of what is there. */
  environment: Record<string, string | string[]>;
  runner: Runner;
}

/** A toolchain on this host, ready to run. */
export interface ToolchainInstallation extends Omit<ToolchainDescription, 'devices'> {
  identity: string;
  /** Those of this host that its worker leases. */
  devices: readonly GpuDevice[];
}

/** The sha256 in an image name that ends in `@sha256:…`. */
export const digestInName = (image: string): string | undefined => /@sha256:([0-9a-f]{64})$/.exec(image)?.[1];

/**
 * Reads `toolchain.json` in the directory that ENGINESMITH_TOOLCHAIN_ROOT names: the file that says what is installed, and
 * how it runs.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the root is not set, or the file is absent or malformed
 */
export async function readToolchainDescription(directory: string | undefined): Promise<ToolchainDescription> {
  if (directory === undefined) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      'ENGINESMITH_TOOLCHAIN_ROOT is not set: it names the directory of a toolchain, in which toolchain.json lies. ' +
        'In a checkout, `npm run setup` installs the CPU reference and `npx enginesmith` sets it.',
    );
  }
  const file = join(directory, 'toolchain.json');
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `${file} cannot be read: is ENGINESMITH_TOOLCHAIN_ROOT a toolchain?`,
      { cause },
    );
  });
  const parsed = description.safeParse(parseJson(content));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || file}: ${issue.message}`);
    throw new EnginesmithFailure('PrerequisiteMissing', [`${file} is not usable:`, ...problems].join('\n'));
  }
  const { identity, runner: how, ...rest } = parsed.data;
  const isDocker = how.kind === 'docker';
  return {
    ...rest,
    devices: rest.devices,
    runner: how,
    root: (isDocker ? how.root : directory).replace(/\/+$/, ''),
    identity: isDocker ? digestInName(how.image) : identity,
  };
}
