import type { Configuration } from '../../platform/config.js';
import { choosePort } from './ports.js';

/** Where the parts of an embedded environment listen: on the loopback interface, unless the user has set an address. */
export interface DevAddresses {
  temporalPort: number;
  uiPort: number;
  temporalAddress: string;
  webUi: string;
  /** Null when the user's own HF_ENDPOINT, or the real Hub, is used. */
  hubPort: number | null;
  hubEndpoint: string;
  metricsAddress: string;
  evidencePort: number;
  /** Where a browser finds the evidence: the user's own address for it, or the embedded server's. */
  evidenceUrl: string;
}

/** @throws EnginesmithFailure `PrerequisiteMissing` when a port that was asked for is taken */
export async function chooseAddresses(
  { hub, hubMirror, metricsAddress, evidenceUrl }: Configuration,
  wanted: { port?: number | undefined; uiPort?: number | undefined },
): Promise<DevAddresses> {
  // What was asked for comes before what is usual: it may be the usual one of another part.
  const wantedUiPort = wanted.uiPort === undefined ? undefined : await choosePort({ wanted: wanted.uiPort });
  const temporalPort = await choosePort({ wanted: wanted.port, usual: 7233 });
  const uiPort = wantedUiPort ?? (await choosePort({ usual: 8233 }));
  const evidencePort = await choosePort({ usual: 8234 });
  const hubPort = hubMirror === undefined ? null : await choosePort({});
  return {
    temporalPort,
    uiPort,
    temporalAddress: `127.0.0.1:${temporalPort}`,
    webUi: `http://127.0.0.1:${uiPort}`,
    hubPort,
    hubEndpoint: hubPort === null ? hub.endpoint : `http://127.0.0.1:${hubPort}`,
    evidencePort,
    evidenceUrl: evidenceUrl ?? `http://127.0.0.1:${evidencePort}`,
    metricsAddress: metricsAddress ?? `127.0.0.1:${await choosePort({})}`,
  };
}
