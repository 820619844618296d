import { StateError, type StateStore } from '@cloud-mirror/state-store';
import { z } from 'zod';

const deploymentSchema = z.object({
  id: z.string(),
  app: z.string(),
  kind: z.enum(['scale', 'restart']),
  from: z.number(),
  to: z.number(),
  by: z.string(),
  reason: z.string().nullable(),
  startedAt: z.string(),
  /** The id of the fleet instance that carries it out. */
  owner: z.string(),
});

const contentSchema = z.object({
  apps: z.record(z.string(), z.object({ instances: z.number() })),
  deployments: z.array(deploymentSchema),
});

/** A change of an app that is under way. */
export type Deployment = z.output<typeof deploymentSchema>;
export type FleetContent = z.output<typeof contentSchema>;

const NAME = 'fleet';
const MOST_TRIES = 10;

/** The numbers of instances that calls have set, and the deployments under way: shared by all fleet processes, and durable. */
export class FleetDocument {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** @throws StateError */
  async read(signal?: AbortSignal): Promise<FleetContent> {
    const found = await this.#store.read(NAME, { signal });
    return found === null || found === 'unchanged' ? empty() : parse(found.text);
  }

  /**
   * Replaces the content by what `change` makes of it. Of several changes at once each sees the others.
   * @param change may be called several times. Whatever it throws leaves the document as it is
   * @throws StateError
   */
  async update(change: (content: FleetContent) => FleetContent, signal?: AbortSignal): Promise<FleetContent> {
    for (let tries = 1; ; tries += 1) {
      const found = await this.#store.read(NAME, { signal });
      const known = found === null || found === 'unchanged' ? null : found;
      const next = change(known === null ? empty() : parse(known.text));
      try {
        await this.#store.write(NAME, JSON.stringify(next), { expected: known?.revision ?? null, signal });
        return next;
      } catch (error) {
        if (!(error instanceof StateError) || error.code !== 'state_conflict' || tries >= MOST_TRIES)
          throw error;
      }
    }
  }
}

function empty(): FleetContent {
  return { apps: {}, deployments: [] };
}

function parse(text: string): FleetContent {
  try {
    return contentSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new StateError(
      'state_unavailable',
      `the document ${NAME} in the StateStore is not one of a fleet: mend or remove it`,
      { cause },
    );
  }
}
