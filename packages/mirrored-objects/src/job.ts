import { z } from 'zod';
import { QueueError } from '@cloud-mirror/job-queue';

/** A message that asks for one copy. Readers ignore unknown fields. */
export interface Job {
  readonly v: 1;
  readonly service: string;
  readonly region: string;
  /** Normal form of the origin URL. */
  readonly url: string;
  /** Token of the claim that sent this job. */
  readonly token: string;
  /** The object's generation at the time of the claim; empty if the object was never purged. */
  readonly generation: string;
  /** ETag of an object that is still at the copy's key but counts as absent. The copy replaces only this version of it. */
  readonly replaces?: string | undefined;
  /** The length in the origin's answer to HEAD; `null` if the answer had none. Absent if no HEAD was sent. */
  readonly originBytes?: number | null | undefined;
  /** How often a copier sent the job again because its turn had not come or its copy was too slow. Absent if never. */
  readonly givenBack?: number | undefined;
  /** Deliveries of the messages that this one replaces, as far as they count towards `queue.maxReceiveCount`. */
  readonly earlierDeliveries?: number | undefined;
  readonly requestId: string;
  /** ISO 8601. */
  readonly enqueuedAt: string;
}

/** The result of reading a message. `detail` names the faulty fields, never their values: a value may hold a secret. */
export type ParsedJob =
  | { readonly ok: true; readonly job: Job }
  | { readonly ok: false; readonly fault: 'malformed' | 'unknown_version'; readonly detail: string };

/** Far more than any job that the mirror sends. SQS accepts at least 256 KiB. */
export const MAX_JOB_BYTES = 65_536;

const COUNT = z.int().min(0).max(1_000_000);
const NAME = z.string().min(1).max(256);

// zod drops unknown fields, so that later versions can add some.
const VERSION = z.object({ v: z.number() });
const JOB = z.object({
  v: z.literal(1),
  service: NAME,
  region: NAME,
  url: z
    .string()
    .max(32_768)
    .refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), 'not an http or https URL'),
  token: NAME,
  generation: z
    .string()
    .max(256)
    .regex(/^[0-9A-Za-z_-]*$/, 'not a generation'),
  replaces: z.string().max(1_024).optional(),
  originBytes: z.int().nonnegative().nullable().optional(),
  givenBack: COUNT.optional(),
  earlierDeliveries: COUNT.optional(),
  requestId: z.string().max(1_024),
  enqueuedAt: z.string().max(64),
});

/** Reads the body of a message from any sender. Never throws. */
export function parseJob(body: string): ParsedJob {
  if (Buffer.byteLength(body) > MAX_JOB_BYTES) return malformed(`longer than ${MAX_JOB_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return malformed('not JSON');
  }
  const version = VERSION.safeParse(value);
  if (!version.success) return malformed(faultsOf(version.error));
  if (version.data.v !== 1)
    return { ok: false, fault: 'unknown_version', detail: `version ${version.data.v}, expected 1` };
  const job = JOB.safeParse(value);
  return job.success ? { ok: true, job: job.data } : malformed(faultsOf(job.error));
}

/** @throws QueueError `queue_rejected` for a job that {@link parseJob} would refuse */
export function serializeJob(job: Job): string {
  // JSON.stringify omits undefined fields.
  const body = JSON.stringify({
    v: job.v,
    service: job.service,
    region: job.region,
    url: job.url,
    token: job.token,
    generation: job.generation,
    replaces: job.replaces,
    originBytes: job.originBytes,
    givenBack: job.givenBack,
    earlierDeliveries: job.earlierDeliveries,
    requestId: job.requestId,
    enqueuedAt: job.enqueuedAt,
  } satisfies Job);
  const parsed = parseJob(body);
  if (!parsed.ok) throw new QueueError('queue_rejected', `the job is invalid: ${parsed.detail}`);
  return body;
}

function malformed(detail: string): ParsedJob {
  return { ok: false, fault: 'malformed', detail };
}

function faultsOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'the message'}: ${issue.message}`).join('; ');
}
