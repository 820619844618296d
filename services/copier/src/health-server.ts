import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface CopierHealth {
  readonly status: 'ok' | 'degraded' | 'draining';
  /** Parts that did not answer when last asked: `queue s3/us-west-1`. */
  readonly failing: readonly string[];
}

/** Answers orchestrators and Prometheus: `/livez`, `/readyz`, `/metrics`. */
export async function startHealthServer(
  listen: { readonly host: string; readonly port: number },
  health: () => CopierHealth,
  registry: Registry,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const answer = answerHealth(request.url ?? '/', request.method ?? 'GET', health, registry, response);
    answer.catch(() => response.destroy());
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 100;
  await listening(server, listen);
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answerHealth(
  path: string,
  method: string,
  health: () => CopierHealth,
  registry: Registry,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(method === 'HEAD' ? undefined : body);
  };
  const json = (status: number, body: unknown): void =>
    send(status, 'application/json', JSON.stringify(body));
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return json(405, { status: 405, title: 'Method Not Allowed' });
  }
  switch (path.split('?', 1)[0]) {
    case '/livez':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const now = health();
      return json(now.status === 'draining' ? 503 : 200, now);
    }
    case '/metrics':
      return send(200, registry.contentType, await registry.metrics());
    default:
      return json(404, {
        status: 404,
        title: 'Not Found',
        detail: 'a copier answers /livez, /readyz and /metrics',
      });
  }
}
