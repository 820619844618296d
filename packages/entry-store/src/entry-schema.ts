import { z } from 'zod';
import type { Entry } from './entry-store.ts';

/*
 * The schema of a valid entry. Other programs may write to the entry store, and its values become headers, keys and
 * dates, so each field is restricted to the values that are safe in its use. Unknown fields are from later versions and
 * are dropped.
 */

/** Milliseconds since 1970, within the range of a Date. */
const time = z.number().min(0).max(8.64e15);
const count = z.int().min(0);
const token = z.string().min(1).max(512);
/** Latin-1 without control characters, which is safe in a header. */
const headerText = z
  .string()
  .max(4_096)
  .regex(/^[ -~\u0080-\u00ff]*$/);

const pending = z.object({
  state: z.literal('pending'),
  token,
  phase: z.enum(['queued', 'copying']),
  since: time,
  bytes: count,
  leaseEnd: time,
  attempts: count,
});

const present = z.object({
  state: z.literal('present'),
  token,
  since: time,
  /** Becomes a segment of the object's key. */
  generation: z.string().regex(/^[0-9A-Za-z_-]{0,200}$/),
  sizeBytes: count,
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  etag: headerText.nullable(),
  storedAt: time,
  expiresAt: time.nullable(),
});

const error = z.object({
  state: z.literal('error'),
  token,
  since: time,
  code: z.string().regex(/^[a-z0-9_]{1,64}$/),
  cause: z.string(),
  stack: z.string(),
  originStatus: z.int().min(400).max(999).nullable(),
  originHost: headerText.nullable(),
  originRetryAfterSeconds: z.int().min(0).max(3_600).optional(),
  attempts: count,
  retryAt: time,
  willRetry: z.boolean(),
});

const entry = z.discriminatedUnion('state', [pending, present, error]);

/** @returns `value` as an entry; `null` if it is not a valid one */
export function entryIn(value: unknown): Entry | null {
  const result = entry.safeParse(value);
  return result.success ? result.data : null;
}
