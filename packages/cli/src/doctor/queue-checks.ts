import type { Backend } from '@cloud-mirror/mirrored-objects';
import { checkEach, failure, messageOf, ok, warning } from './check-group.ts';
import type { CheckGroup, Finding } from './check-group.ts';

/** Checks that each back end's queue and dead-letter queue exist, and counts their jobs. */
export const queueChecks: CheckGroup = {
  name: 'queues',
  async run({ config, adapters, signal }) {
    if (config.queue.kind === 'memory')
      return [
        warning(
          'queue',
          'shared',
          'jobs are kept in the memory of one process and are lost when it ends',
          'use queue.kind sqs if front ends and copiers run as separate processes',
        ),
      ];
    return checkEach(adapters.backends.values(), (backend) => checkQueue(backend, signal));
  },
};

async function checkQueue(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const part = `${backend.name} queue`;
  try {
    const { waiting, inFlight, deadLetters } = await backend.queue.depth({ signal });
    const counts = `${waiting} waiting, ${inFlight} in flight, ${deadLetters} dead letters`;
    if (deadLetters === 0) return [ok(part, 'reachable', counts)];
    return [
      ok(part, 'reachable', counts),
      warning(
        part,
        'dead_letters',
        `${deadLetters} jobs failed too often`,
        `read their reasons at GET /v1/dead-letters/${backend.name}, fix the cause, then redrive or drop them`,
      ),
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [
      failure(
        part,
        'reachable',
        messageOf(error),
        'run setup to create missing queues; check queue.region, queue.endpoint and the credentials',
      ),
    ];
  }
}
