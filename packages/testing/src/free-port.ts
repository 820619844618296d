import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below Linux's range for outgoing connections (32768 and up), so that none of those takes the port in between.
const FIRST = 20_000;
const LAST = 32_767;
const TRIES = 50;

/**
 * A TCP port of 127.0.0.1 that nothing listened on a moment ago, for programs that cannot be told to take port 0.
 * Another process may take it first: whoever starts such a program tries again with another port.
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
