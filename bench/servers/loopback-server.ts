import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';

/**
 * Serves on a free port of 127.0.0.1 and prints the address in a line of JSON. With the program arguments
 * `KEY CERTIFICATE`, two PEM files, it serves over TLS.
 */
export function serveOnLoopback(listener: RequestListener): Server {
  const [key, certificate] = process.argv.slice(2);
  const secure = key !== undefined && certificate !== undefined;
  const server = secure
    ? createHttps({ key: readFileSync(key), cert: readFileSync(certificate) }, listener)
    : createHttp(listener);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const { port } = server.address() as AddressInfo;
    const address = `${secure ? 'https' : 'http'}://127.0.0.1:${port}`;
    process.stdout.write(`${JSON.stringify({ msg: 'ready', address })}\n`);
  });
  return server;
}
