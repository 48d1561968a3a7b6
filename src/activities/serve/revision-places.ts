import { join } from 'node:path';
import * as z from 'zod';
import type { Places } from '../../platform/places.js';

/** Where one revision lives on its serving host, and what its job is called. */
export interface RevisionPlaces {
  directory: string;
  /** Its own filled copy of the templates. */
  repository: string;
  /** Addresses, written before Triton is started: whoever adopts it reads them. */
  endpointFile: string;
  /** The command lines that made it what it is. */
  recordFile: string;
  logFile: string;
  /** Also the holder of its GPU leases. */
  jobId: string;
}

/** What the job of a revision's Triton is called, which is also the holder of its GPU leases. */
export const revisionJobId = (name: string, number: number): string => `triton-${name}-${number}`;

/** @param number of the revision in its deployment */
export function revisionPlaces(
  { deployments }: Pick<Places, 'deployments'>,
  name: string,
  number: number,
): RevisionPlaces {
  const directory = join(deployments, name, `${number}`);
  return {
    directory,
    repository: join(directory, 'repository'),
    endpointFile: join(directory, 'endpoint.json'),
    recordFile: join(directory, 'record.json'),
    logFile: join(directory, 'triton.log'),
    jobId: revisionJobId(name, number),
  };
}

/** `endpoint.json`: the ports of one Triton, and what it was started to serve. */
export const endpointSchema = z.object({
  grpcPort: z.int(),
  httpPort: z.int(),
  metricsPort: z.int(),
  /** Digest over engine, model and serving parameters. */
  serves: z.string().default(''),
});
export type Endpoint = z.infer<typeof endpointSchema>;
