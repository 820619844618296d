import { z } from 'zod';
import { QueueError } from '@cloud-mirror/job-queue';

/** A request for one copy. Readers ignore fields they do not know. */
export interface Job {
  readonly v: 1;
  readonly service: string;
  readonly region: string;
  /** Normal form of the origin URL. */
  readonly url: string;
  /** Token of the claim that sent this job. */
  readonly token: string;
  /** Generation that the claim's owner saw; empty where the object was never purged. */
  readonly generation: string;
  /** ETag of an object past its life that lies at the copy's key still: the copy replaces just that one. */
  readonly replaces?: string | undefined;
  /** Length of the object as the origin's HEAD told; `null`: it told none. Absent: the origin was not asked. */
  readonly originBytes?: number | null | undefined;
  readonly requestId: string;
  /** ISO 8601. */
  readonly enqueuedAt: string;
}

/** What a message holds. `detail` names the fields at fault, never their values: those may carry a secret. */
export type ParsedJob =
  | { readonly ok: true; readonly job: Job }
  | { readonly ok: false; readonly fault: 'malformed' | 'unknown_version'; readonly detail: string };

/** No job that this program sends comes near; SQS takes at least 256 KiB. */
export const MAX_JOB_BYTES = 65_536;

const NAME = z.string().min(1).max(256);

// Objects of zod drop fields that they do not know, so that later versions may add some.
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
  requestId: z.string().max(1_024),
  enqueuedAt: z.string().max(64),
});

/** Reads the body of a message, whoever sent it. Never throws. */
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
    return { ok: false, fault: 'unknown_version', detail: `version ${version.data.v}, known is 1` };
  const job = JOB.safeParse(value);
  return job.success ? { ok: true, job: job.data } : malformed(faultsOf(job.error));
}

/** @throws QueueError `queue_rejected` for a job that no reader would take */
export function serializeJob(job: Job): string {
  // A field that is undefined is left out.
  const body = JSON.stringify({
    v: job.v,
    service: job.service,
    region: job.region,
    url: job.url,
    token: job.token,
    generation: job.generation,
    replaces: job.replaces,
    originBytes: job.originBytes,
    requestId: job.requestId,
    enqueuedAt: job.enqueuedAt,
  } satisfies Job);
  const parsed = parseJob(body);
  if (!parsed.ok) throw new QueueError('queue_rejected', `this is no job: ${parsed.detail}`);
  return body;
}

function malformed(detail: string): ParsedJob {
  return { ok: false, fault: 'malformed', detail };
}

function faultsOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`).join('; ');
}
