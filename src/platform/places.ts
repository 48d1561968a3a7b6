import { join } from 'node:path';
import type { Configuration } from './config.js';

/** Where everything lies below ENGINESMITH_HOME and ENGINESMITH_CACHE. */
export interface Places {
  /** Artifacts and claims: the only part that several hosts may share. */
  store: string;
  claims: string;
  /** Logs of tools, for whoever reaches the store. */
  logs: string;
  jobs: string;
  leases: string;
  /** What the driver said of the host's GPUs when a worker started last. */
  inventory: string;
  /** Private directories of running steps, by job id. */
  scratch: string;
  /** Model repositories of served revisions. */
  deployments: string;
  downloads: string;
}

/** State of one host lies below its name: pids, leases and ports mean nothing on another one that shares the home. */
export function placesOf({ home, cache, host }: Pick<Configuration, 'home' | 'cache' | 'host'>): Places {
  const ofHost = join(home, 'hosts', host);
  return {
    store: join(home, 'store'),
    claims: join(home, 'claims'),
    logs: join(home, 'store', 'logs'),
    jobs: join(ofHost, 'jobs'),
    leases: join(ofHost, 'leases'),
    inventory: join(ofHost, 'gpus.json'),
    scratch: join(ofHost, 'scratch'),
    deployments: join(ofHost, 'deployments'),
    downloads: join(cache, 'downloads'),
  };
}
