import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdminToken } from '@cloud-mirror/mirror';
import { auditAmongLog, createLogger } from '@cloud-mirror/program';
import { MemoryRegistry } from '@cloud-mirror/registry';
import { FolderStateStore } from '@cloud-mirror/state-store';
import { Registry } from 'prom-client';
import { FleetServer } from '../src/index.ts';
import { Deployments } from '../src/scaling/deployments.ts';
import { FleetDocument } from '../src/scaling/fleet-document.ts';
import type { FleetDriver } from '../src/scaling/fleet-driver.ts';
import { NoDriver } from '../src/scaling/no-driver.ts';

export interface FleetUnderTest extends AsyncDisposable {
  readonly address: string;
  readonly registry: MemoryRegistry;
  readonly deployments: Deployments;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Calls and parses the answer. */
  json(path: string, init?: RequestInit): Promise<{ status: number; body: Record<string, unknown> }>;
}

export interface FleetOptions {
  readonly tokens?: readonly AdminToken[];
  readonly driver?: (registry: MemoryRegistry) => FleetDriver;
  readonly host?: string;
  readonly maxInstances?: number;
  readonly deploymentSeconds?: number;
}

export function token(name: string, scopes: readonly string[]): AdminToken {
  return { name, sha256: createHash('sha256').update(`token-${name}`).digest('hex'), scopes } as AdminToken;
}

/** A fleet in this process, with a registry of its own. */
export async function startFleet(options: FleetOptions = {}): Promise<FleetUnderTest> {
  const { tokens = [], host = '127.0.0.1', maxInstances = 100, deploymentSeconds = 600 } = options;
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'fleet-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const logger = createLogger({
    level: 'silent',
    program: 'test',
    version: '0',
    destination: { write: () => undefined },
  });
  const registry = opened.use(new MemoryRegistry());
  const store = opened.use(new FolderStateStore(directory));
  await store.check();
  const document = new FleetDocument(store);
  const driver = opened.use(options.driver?.(registry) ?? new NoDriver());
  const settings = { host, port: 0, maxInstances, deploymentSeconds };
  const deployments = opened.use(new Deployments({ settings, registry, document, driver, logger }));
  deployments.setOwner('this-fleet');
  const audit = opened.use(auditAmongLog(logger));
  const server = new FleetServer({
    settings,
    tokens,
    registry,
    driver,
    deployments,
    audit,
    logger,
    metrics: new Registry(),
  });
  const address = (await server.listen()).replace('0.0.0.0', '127.0.0.1');
  opened.defer(() => server.drain());
  const running = opened.move();
  const call = (path: string, init?: RequestInit): Promise<Response> => fetch(address + path, init);
  return {
    address,
    registry,
    deployments,
    fetch: call,
    async json(path, init) {
      const answer = await call(path, init);
      const text = await answer.text();
      return {
        status: answer.status,
        body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
      };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export interface SentEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: Record<string, unknown>;
}

/** Reads server-sent events one by one. */
export async function* readEvents(response: Response): AsyncGenerator<SentEvent> {
  let rest = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? ['', '']);
      const fields = new Map(lines.map(([name = '', value = '']) => [name, value]));
      const event = fields.get('event');
      if (event === undefined) continue;
      yield {
        event,
        id: fields.get('id') ?? null,
        data: JSON.parse(fields.get('data') ?? '{}') as Record<string, unknown>,
      };
    }
  }
}

/** The next `count` events. */
export async function nextEvents(events: AsyncGenerator<SentEvent>, count: number): Promise<SentEvent[]> {
  const found: SentEvent[] = [];
  while (found.length < count) {
    const next = await events.next();
    if (next.done === true) break;
    found.push(next.value);
  }
  return found;
}
