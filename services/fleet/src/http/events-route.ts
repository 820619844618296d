import type { Registry, RegistryChange } from '@cloud-mirror/registry';
import type { Route, RoutesParts } from './route.ts';
import type { EventStream } from './event-stream.ts';

/**
 * `GET /v1/events`: the changes of the registry, each with its revision as `id`. `Last-Event-ID` resumes after a revision,
 * or begins with `reset` if that is unknown or too old. Without it the stream begins now.
 */
export function eventsRoute({ registry, readers }: RoutesParts): Route['handle'] {
  return (ctx) => {
    const after = revisionIn(ctx.get('Last-Event-ID')) ?? registry.list().revision;
    const stream = readers.open(ctx.req, ctx.res);
    ctx.respond = false;
    void follow(registry, after === 'unknown' ? null : after, stream);
  };
}

/** @returns null if there is none */
function revisionIn(header: string): number | 'unknown' | null {
  if (header === '') return null;
  return /^\d{1,15}$/.test(header) ? Number(header) : 'unknown';
}

async function follow(registry: Registry, after: number | null, stream: EventStream): Promise<void> {
  using reader = stream;
  for await (const change of registry.watch(after, stream.signal)) {
    if (change.kind === 'reset') {
      const { revision, instances } = change;
      await reader.sendLarge('reset', revision, { revision, instances });
    } else {
      reader.send(
        nameOf(change),
        change.revision,
        change.kind === 'event' ? eventData(change) : change.instance,
      );
    }
  }
}

function nameOf(change: Exclude<RegistryChange, { kind: 'reset' }>): string {
  return change.kind === 'event' ? change.event.type : `instance_${change.kind}`;
}

function eventData({ event }: Extract<RegistryChange, { kind: 'event' }>): unknown {
  const { type: _, ...data } = event;
  return data;
}
