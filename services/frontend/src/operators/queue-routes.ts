import type { Backend, Backends } from '@cloud-mirror/mirrored-objects';
import type { DeadLetter } from '@cloud-mirror/job-queue';
import { sendJson } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import { recordBackend } from '../redirect/object-record.ts';
import { knownBackend } from './known-backends.ts';
import type { OperatorCall } from './operator-call.ts';

export interface QueueRoutesParts {
  readonly backends: Backends;
  readonly operatorCall: OperatorCall;
}

export type QueueHandler = (
  ctx: RequestContext,
  path: { readonly service: string; readonly region: string },
) => Promise<void>;

/** The limit of one SQS receive. */
const DEAD_LETTERS_SHOWN = 10;
/** Long, because redriving sends each dead letter separately. */
const CALL_LIMIT_MS = 60_000;

/** The calls on the queue of one back end. */
export function queueRoutes({ backends, operatorCall }: QueueRoutesParts) {
  const onQueue =
    (call: (backend: Backend, signal: AbortSignal) => Promise<unknown>): QueueHandler =>
    async (ctx, { service, region }) => {
      await operatorCall('queue', ctx, () => {
        recordBackend(ctx.state.record, service, region);
        const backend = knownBackend(backends, service, region);
        return async () => sendJson(ctx, 200, await call(backend, AbortSignal.timeout(CALL_LIMIT_MS)));
      });
    };

  return {
    /** `DELETE /v1/queue/:service/:region` */
    dropWaiting: onQueue(async ({ name, queue }, signal) => {
      await queue.purge({ signal });
      return { backend: name, dropped: true };
    }),
    /** `GET /v1/dead-letters/:service/:region`: counts as a receive of each job. */
    lookAtDeadLetters: onQueue(async ({ name, queue }, signal) => {
      const deadLetters = await queue.deadLetters(DEAD_LETTERS_SHOWN, { signal });
      return { backend: name, deadLetters: deadLetters.map((letter) => shown(letter)) };
    }),
    /** `POST /v1/dead-letters/:service/:region/redrive` */
    redriveDeadLetters: onQueue(async ({ name, queue }, signal) => {
      return { backend: name, redriven: await queue.redriveDeadLetters({ signal }) };
    }),
    /** `DELETE /v1/dead-letters/:service/:region` */
    dropDeadLetters: onQueue(async ({ name, queue }, signal) => {
      await queue.purgeDeadLetters({ signal });
      return { backend: name, dropped: true };
    }),
  };
}

function shown({ id, body, sentAt, receiveCount, reason }: DeadLetter) {
  return { id, body, sentAt: sentAt.toISOString(), receiveCount, reason };
}
