import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** @returns a TCP port that nobody listens on at this moment. If another program takes it first, the child is started again */
export async function freePort(host: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', reject);
  server.listen(0, host, () => {
    const { port } = server.address() as AddressInfo;
    server.close(() => resolve(port));
  });
  return promise;
}
