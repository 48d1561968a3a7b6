import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { parseJson } from '../parse-json.js';
import { digestInName } from '../toolchain-installation.js';
import { type DockerClient, DockerError } from './docker-client.js';

/** An image of this host, pinned. */
export interface DockerImage {
  /** What `docker run` is given: names exactly this image, whatever becomes of the tag. */
  reference: string;
  /** sha256, in hex: of the registry's manifest, or of a local build's configuration. */
  digest: string;
  /** The variables that its containers start with. */
  environment: Record<string, string>;
}

const inspected = z
  .array(
    z.object({
      Id: z.string().regex(/^sha256:[0-9a-f]{64}$/),
      RepoDigests: z.array(z.string()).nullish(),
      Config: z.object({ Env: z.array(z.string()).nullish() }).nullish(),
    }),
  )
  .length(1);

/**
 * Resolves an image to its digest. One that came from a registry has the digest that it has there, the same on every host;
 * one that was built here, and never pushed, has its id.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the image is not on this host: nothing is pulled
 */
export async function resolveImage(docker: DockerClient, name: string): Promise<DockerImage> {
  const printed = await docker.run('image', 'inspect', name).catch((failure: unknown) => {
    if (!(failure instanceof DockerError)) throw failure;
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `The image ${name} is not on this host (docker says: ${failure.message}). Fetch it with \`docker pull ${name}\`, or ` +
        'build it with infra/docker/build.sh; the worker pulls nothing by itself.',
      { cause: failure },
    );
  });
  const parsed = inspected.safeParse(parseJson(printed));
  const [image] = parsed.data ?? [];
  if (image === undefined) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `docker image inspect ${name} printed what no Docker from 20.10 on prints: ${printed.slice(0, 200)}`,
    );
  }
  const digest = digestInName(name) ?? registryDigest(name, image.RepoDigests ?? []);
  return {
    reference: digest === undefined ? image.Id : `${repositoryOf(name)}@sha256:${digest}`,
    digest: digest ?? image.Id.slice('sha256:'.length),
    environment: Object.fromEntries((image.Config?.Env ?? []).map(splitVariable)),
  };
}

/** The digest under which an image's own repository has it; another one may have it too. */
const registryDigest = (name: string, digests: readonly string[]): string | undefined => {
  const own = digests.find((digest) => repositoryOf(digest) === repositoryOf(name));
  return own === undefined ? undefined : digestInName(own);
};

/** Without tag and digest. A colon before the last slash is a registry's port. */
const repositoryOf = (name: string): string => name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');

const splitVariable = (variable: string): [name: string, value: string] => {
  const end = variable.indexOf('=');
  return end < 0 ? [variable, ''] : [variable.slice(0, end), variable.slice(end + 1)];
};
