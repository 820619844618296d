import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below Linux's ephemeral ports (32768 and up), so that an outgoing connection cannot take the port meanwhile.
const FIRST = 20_000;
const LAST = 32_767;
const TRIES = 50;

/**
 * Finds a TCP port of 127.0.0.1 on which nothing listens, for programs that do not support port 0. Another process may
 * take it first, so the caller must be prepared to retry with another port.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${TRIES} ports between ${FIRST} and ${LAST} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
