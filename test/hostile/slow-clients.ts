import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import type { Mirror } from '@cloud-mirror/testing/mirror';

/** How a connection is slow. */
const HABITS = ['silent', 'begun', 'dripping', 'body', 'pipelined', 'reader'] as const;
type Habit = (typeof HABITS)[number];

export interface SlowClientsOptions {
  readonly mirror: Mirror;
  readonly connections: number;
  /** An address of the front end with a large answer. A client that does not read it keeps the connection busy. */
  readonly largeCopy: string;
  /** Number of sequential good requests meanwhile. */
  readonly goodRequests: number;
  /** Path of a request that the server answers at once. */
  readonly goodPath: string;
}

export interface SlowClientsReport {
  readonly connections: number;
  /** How many of them were open when the good requests began, and how many at their end. */
  readonly held: { readonly before: number; readonly after: number };
  readonly goodRequests: number;
  /** Number of answers by status; `failed` for requests without an answer. */
  readonly answers: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly medianMs: number;
  readonly residentMegabytes: { readonly alone: number; readonly held: number; readonly released: number };
}

/** Opens slow connections, and makes good requests while they are open. */
export async function holdSlowClients(options: SlowClientsOptions): Promise<SlowClientsReport> {
  const { mirror, connections, goodRequests, goodPath } = options;
  const { pid } = mirror.frontend;
  const alone = await residentMegabytes(pid);
  const sockets = await openSlowClients(options);
  const open = (): number => sockets.filter(({ destroyed }) => !destroyed).length;
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x');
  }, 2000);
  try {
    const before = open();
    const held = await residentMegabytes(pid);
    const times: number[] = [];
    const answers: Record<string, number> = {};
    for (let count = 0; count < goodRequests; count += 1) {
      const begun = performance.now();
      const status = await fetchOnWire(mirror.frontend.url(goodPath)).then(
        (answer) => String(answer.status),
        () => 'failed',
      );
      times.push(performance.now() - begun);
      answers[status] = (answers[status] ?? 0) + 1;
    }
    const after = open();
    for (const socket of sockets) socket.destroy();
    await delay(2000);
    times.sort((one, other) => one - other);
    return {
      connections,
      held: { before, after },
      goodRequests,
      answers,
      slowestMs: Math.round(times.at(-1) ?? 0),
      medianMs: Math.round((times[Math.floor(times.length / 2)] ?? 0) * 10) / 10,
      residentMegabytes: { alone, held, released: await residentMegabytes(pid) },
    };
  } finally {
    clearInterval(drip);
    for (const socket of sockets) socket.destroy();
  }
}

async function openSlowClients(options: SlowClientsOptions): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let count = 0; count < options.connections; count += 1) {
    sockets.push(openSlowClient(HABITS[count % HABITS.length] ?? 'silent', options));
    // No more at a time than the listen backlog holds.
    if (count % 200 === 199) await Promise.all(sockets.slice(-200).map(connected));
  }
  await Promise.all(sockets.map(connected));
  return sockets;
}

function openSlowClient(habit: Habit, { mirror, largeCopy, goodPath }: SlowClientsOptions): Socket {
  const { hostname, port } = new URL(mirror.frontend.address);
  const socket = connect({ host: hostname, port: Number(port) });
  // The server closes slow connections after its time limits.
  socket.on('error', () => undefined);
  switch (habit) {
    case 'silent':
      break;
    case 'begun':
      socket.write('GET /');
      break;
    case 'dripping':
      socket.write(`GET ${goodPath} HTTP/1.1\r\nHost: localhost\r\nX-Slow: `);
      break;
    case 'body':
      socket.write('DELETE /v1/cache HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n');
      break;
    case 'pipelined':
      socket.write(`GET ${goodPath} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /`);
      break;
    case 'reader':
      socket.pause();
      socket.write(`GET ${new URL(largeCopy).pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      break;
  }
  return socket;
}

async function connected(socket: Socket): Promise<void> {
  if (!socket.connecting) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('connect', () => resolve()).once('close', () => resolve());
  await promise;
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
