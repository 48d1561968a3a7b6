import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface HubRequest {
  path: string;
  /** As the client sent it. */
  range: string | undefined;
  atMs: number;
  /** Undefined until it is answered. */
  status?: number;
}

/** A hold on answers: `reached` settles when the first one waits. */
interface HubHold {
  reached: Promise<void>;
  release(): void;
}

/** Stands between a worker and its Hub: logs what is asked for, and can hold an answer in the middle. */
export interface HubGate {
  url: string;
  requests: HubRequest[];
  /** Holds answers for paths that match from now on, when so many bytes of the body are through. */
  hold(matches: RegExp, afterBytes: number): HubHold;
  /** Cuts the connections of all answers that are under way. @returns how many */
  cut(): number;
  /** Answers the next requests itself. @returns ends that, and tells how many there were */
  refuse(status: number, requests: number): () => number;
  close(): Promise<void>;
}

interface ActiveHold {
  matches: RegExp;
  afterBytes: number;
  reach: () => void;
  released: Promise<void>;
}

/** @param hubPort of a Hub on the loopback interface, which may die and come back */
export async function createHubGate(hubPort: number): Promise<HubGate> {
  const requests: HubRequest[] = [];
  const holds = new Set<ActiveHold>();
  const underWay = new Set<ServerResponse>();
  let refusal = { status: 0, left: 0 };
  const forward = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const path = asked.url ?? '';
    const logged: HubRequest = { path, range: asked.headers.range, atMs: Date.now() };
    requests.push(logged);
    if (refusal.left > 0) {
      refusal.left -= 1;
      logged.status = refusal.status;
      answer.writeHead(refusal.status).end();
      return;
    }
    underWay.add(answer);
    answer.once('close', () => underWay.delete(answer));
    const hubAnswer = await answerOf(hubPort, asked);
    logged.status = hubAnswer.statusCode ?? 502;
    answer.writeHead(hubAnswer.statusCode ?? 502, hubAnswer.headers);
    answer.flushHeaders();
    let sentBytes = 0;
    for await (const chunk of hubAnswer) {
      const hold = [...holds].find(
        ({ matches, afterBytes }) => matches.test(path) && sentBytes + chunk.length > afterBytes,
      );
      const before = hold === undefined ? chunk : chunk.subarray(0, Math.max(0, hold.afterBytes - sentBytes));
      answer.write(before);
      hold?.reach();
      await hold?.released;
      answer.write(chunk.subarray(before.length));
      sentBytes += chunk.length;
    }
    answer.end();
  };
  const server = createServer((asked, answer) => {
    // A Hub that is down, or dies within its answer, is a cut connection to whoever asked.
    forward(asked, answer).catch(() => answer.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    hold(matches, afterBytes) {
      let reach = () => {};
      let free = () => {};
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      const released = new Promise<void>((resolve) => {
        free = resolve;
      });
      const hold = { matches, afterBytes, reach, released };
      holds.add(hold);
      return {
        reached,
        release() {
          holds.delete(hold);
          free();
        },
      };
    },
    cut() {
      const cut = [...underWay];
      for (const answer of cut) answer.destroy();
      return cut.length;
    },
    refuse(status, count) {
      const own = { status, left: count };
      refusal = own;
      return () => {
        const refused = count - own.left;
        own.left = 0;
        return refused;
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const answerOf = (port: number, asked: IncomingMessage): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { method, url, headers } = asked;
    const options = { host: '127.0.0.1', port, method, path: url, headers: { ...headers, connection: 'close' } };
    request(options, resolve).once('error', reject).end();
  });
