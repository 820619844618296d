import type { ProxyMode } from '@cloud-mirror/testing/tcp-proxy';
import { failure } from '@cloud-mirror/testing/s3-rules';
import type { FaultyMirror, LinkedPart } from './faulty-mirror.ts';

export interface SingleFault {
  readonly name: string;
  /** Whether the fault makes the first front end unavailable, so that clients do not use it. */
  readonly withoutFirstFrontend?: boolean;
  readonly begin: (mirror: FaultyMirror) => Promise<unknown>;
  /** Ends the fault, and resolves when restarted programs are ready. */
  readonly end: (mirror: FaultyMirror) => Promise<unknown>;
}

const EVERY_PART: readonly LinkedPart[] = ['redis', 'queue', 'store', 'origin'];

async function set(mirror: FaultyMirror, parts: readonly LinkedPart[], mode: ProxyMode): Promise<void> {
  for (const link of parts.flatMap((part) => mirror.linksTo(part))) await link.set(mode);
}

/** A fault of the network to some parts, for all programs. At its end, delayed bytes arrive. */
function link(name: string, parts: readonly LinkedPart[], mode: ProxyMode): SingleFault {
  return {
    name,
    begin: (mirror) => set(mirror, parts, mode),
    end: (mirror) => set(mirror, parts, { kind: 'pass' }),
  };
}

/** A network outage that silently drops every connection: no bytes ever arrive on them again. */
function forgotten(part: LinkedPart): SingleFault {
  const { begin } = link('', [part], { kind: 'blackhole' });
  return {
    name: `${part} away, its connections forgotten`,
    begin,
    end: async (mirror) => {
      for (const one of mirror.linksTo(part)) one.lose();
      await set(mirror, [part], { kind: 'pass' });
    },
  };
}

function links(part: LinkedPart): readonly SingleFault[] {
  return [
    link(`${part} refuses connections`, [part], { kind: 'refuse' }),
    link(`${part} hangs`, [part], { kind: 'blackhole' }),
    link(`${part} cuts connections (FIN)`, [part], { kind: 'cut' }),
    link(`${part} cuts connections (RST)`, [part], { kind: 'reset' }),
    forgotten(part),
  ];
}

const STORE_CALLS = ['HeadObject', 'PutObject', 'CreateMultipartUpload', 'UploadPart', 'ListObjectsV2'];
/** More calls than the programs make during the fault. */
const ALL = 10_000;

export const SINGLE_FAULTS: readonly SingleFault[] = [
  ...links('redis'),
  {
    name: 'redis process stopped (SIGSTOP)',
    begin: async ({ redis }) => redis.signal('SIGSTOP'),
    end: async ({ redis }) => redis.signal('SIGCONT'),
  },
  {
    name: 'redis killed, another empty one',
    begin: async ({ redis }) => redis.signal('SIGKILL'),
    end: (mirror) => mirror.replaceRedis(),
  },
  {
    name: 'redis read-only',
    begin: (mirror) => mirror.askRedis((client) => client.call('REPLICAOF', '127.0.0.1', '1')),
    end: (mirror) => mirror.askRedis((client) => client.call('REPLICAOF', 'NO', 'ONE')),
  },
  {
    name: 'redis full',
    begin: (mirror) => mirror.askRedis((client) => client.config('SET', 'maxmemory', '1')),
    end: (mirror) => mirror.askRedis((client) => client.config('SET', 'maxmemory', '0')),
  },
  ...links('queue'),
  ...links('store'),
  {
    name: 'store answers 503',
    begin: async ({ rig }) => {
      for (const operation of STORE_CALLS)
        rig.protocols.answerNext(operation, failure(503, 'SlowDown', 'Reduce your request rate'), ALL);
    },
    end: async ({ rig }) => rig.protocols.answerAsBefore(),
  },
  ...links('origin'),
  {
    name: 'front end killed (-9)',
    withoutFirstFrontend: true,
    begin: async ({ frontends }) => frontends[0]?.kill(),
    end: (mirror) => mirror.restartFrontend(),
  },
  {
    name: 'copier killed (-9) in mid-copy',
    begin: ({ copier }) => copier.kill(),
    end: (mirror) => mirror.restartCopier(),
  },
  {
    name: 'copier stopped (SIGSTOP) in mid-copy',
    begin: async ({ copier }) => copier.signal('SIGSTOP'),
    end: async ({ copier }) => copier.signal('SIGCONT'),
  },
  {
    name: 'copier restarted (SIGTERM) in mid-copy',
    begin: ({ copier }) => copier.stop(),
    end: (mirror) => mirror.restartCopier(),
  },
  link('everything hangs but the front ends', EVERY_PART, { kind: 'blackhole' }),
];
