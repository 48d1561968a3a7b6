import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { ProxySettings } from './proxy.js';

/** No proxy reaches what listens on this host's loopback: the embedded mirror, say. */
const LOOPBACK = 'localhost,127.0.0.1,[::1]';
/** Of connections to one host: small files and requests share them. */
const CONNECTIONS = 4;

const dispatchers = new Map<string, Dispatcher>();

/** Connections by way of the proxies, or direct ones; one pool for each thread. */
export function dispatcherFor(proxy: ProxySettings | undefined): Dispatcher {
  const key = JSON.stringify(proxy ?? {});
  const dispatcher = dispatchers.get(key) ?? createDispatcher(proxy);
  dispatchers.set(key, dispatcher);
  return dispatcher;
}

function createDispatcher(proxy: ProxySettings | undefined): Dispatcher {
  if (proxy === undefined) return new Agent({ connections: CONNECTIONS });
  const { http = '', https = '', bypass } = proxy;
  // Empty values keep undici from asking the environment. Plain http is asked of the proxy itself: many tunnel to 443 only.
  return new EnvHttpProxyAgent({
    connections: CONNECTIONS,
    httpProxy: http,
    httpsProxy: https,
    noProxy: bypass === '*' ? bypass : [LOOPBACK, bypass].filter((hosts) => hosts !== undefined).join(','),
    proxyTunnel: false,
  });
}
