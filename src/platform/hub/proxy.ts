/** Which proxies lead out, in the form of the environment variables that every program of the host takes them from. */
export interface ProxySettings {
  /** For http; also for https when there is no `https`. */
  http?: string | undefined;
  https?: string | undefined;
  /** Hosts that are reached directly: names, domains, `host:port`, separated by commas; or `*`. */
  bypass?: string | undefined;
}

/**
 * The proxies that an environment names: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in lower case first, as curl and Python do.
 * @returns undefined when it names none
 */
export function readProxySettings(
  environment: Readonly<Record<string, string | undefined>>,
): ProxySettings | undefined {
  const read = (name: string): string | undefined =>
    [environment[name.toLowerCase()], environment[name]].find((value) => value !== undefined && value !== '');
  const settings = { http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), bypass: read('NO_PROXY') };
  return settings.http === undefined && settings.https === undefined ? undefined : settings;
}

/** Whether requests of this kind of address may go through a proxy. */
export const mayUseProxy = ({ protocol }: URL, proxy: ProxySettings | undefined): boolean =>
  proxy?.http !== undefined || (protocol === 'https:' && proxy?.https !== undefined);
