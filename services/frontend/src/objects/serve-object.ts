import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { Logger } from '@cloud-mirror/program';
import type { MeasuredObject, OpenObject } from '@cloud-mirror/storage-provider';
import { HttpProblem } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import { parseByteRange } from './byte-range.ts';
import { evaluatePreconditions, rangeApplies } from './conditional-request.ts';
import { lastModified } from './object-headers.ts';
import type { ObjectReader, ObjectReaders } from './object-readers.ts';

export interface ServedObject {
  readonly opened: OpenObject;
  /** With its quotes; null if there is none. */
  readonly etag: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Takes a slot for a GET; a HEAD reads nothing. Enter before the object is opened. */
export async function enterReaders(
  readers: ObjectReaders,
  ctx: RequestContext,
): Promise<ObjectReader | null> {
  const onCut = (): void => {
    ctx.state.record.outcome = 'client_stalled';
  };
  return ctx.req.method === 'GET' ? readers.enter(ctx.req, ctx.res, onCut) : null;
}

/**
 * Answers a GET or HEAD of an object, with conditions and ranges.
 * @param reader null for HEAD
 * @throws HttpProblem 412, 416
 */
export async function serveObject(
  ctx: RequestContext,
  { opened, etag, headers }: ServedObject,
  reader: ObjectReader | null,
  logger: Logger,
): Promise<void> {
  const { object } = opened;
  const { date, strong } = lastModified(object);
  const validators = { etag, lastModified: date, lastModifiedIsStrong: strong };
  for (const [header, value] of Object.entries(headers)) ctx.res.setHeader(header, value);

  const precondition = evaluatePreconditions(ctx.req.headers, validators);
  if (precondition === 'not_modified') return answerEmpty(ctx, 304);
  if (precondition === 'failed')
    throw new HttpProblem(412, 'precondition_failed', 'The copy does not match the precondition.');

  const { range: rangeHeader, 'if-range': ifRange } = ctx.req.headers;
  const asked =
    ctx.req.method === 'GET' && rangeHeader !== undefined && rangeApplies(singleHeader(ifRange), validators);
  const range = asked ? parseByteRange(rangeHeader, object.sizeBytes) : null;
  if (range === 'unsatisfiable') throw unsatisfiable(object);

  const { start, endExclusive } = range ?? { start: 0, endExclusive: object.sizeBytes };
  ctx.status = range === null ? 200 : 206;
  ctx.res.setHeader('Content-Length', endExclusive - start);
  if (range !== null)
    ctx.res.setHeader('Content-Range', `bytes ${start}-${endExclusive - 1}/${object.sizeBytes}`);
  if (reader === null) return;
  await stream(ctx, opened, watched(opened.read(start, endExclusive), reader), logger);
}

/** Sends a copy with backpressure, and stops when the client disconnects or the store needs the object's bytes. */
async function stream(
  ctx: RequestContext,
  { withdrawn }: OpenObject,
  bytes: AsyncIterable<Uint8Array>,
  logger: Logger,
): Promise<void> {
  // Content-Length is sent before the bytes. If reading fails, only a cut connection tells the client.
  ctx.respond = false;
  const { record, requestId } = ctx.state;
  try {
    const read = readFor(ctx, bytes, withdrawn);
    await pipeline(Readable.from(read, { objectMode: true, highWaterMark: 1 }), ctx.res, {
      signal: withdrawn,
    });
  } catch (error) {
    if (record.outcome === 'read_failed') logger.error({ requestId, err: error }, 'reading a copy failed');
    ctx.res.destroy();
  }
}

/** Records how reading ended before the response ends, because the request is logged at its end. */
async function* readFor(
  { res, state: { record } }: RequestContext,
  bytes: AsyncIterable<Uint8Array>,
  withdrawn: AbortSignal,
): AsyncIterable<Uint8Array> {
  try {
    yield* bytes;
    record.outcome = 'served';
  } catch (error) {
    // If the connection is closed, its end is what `pipeline` throws here.
    if (withdrawn.aborted) record.outcome = 'object_removed';
    else if (!res.closed) record.outcome = 'read_failed';
    throw error;
  }
}

/** Reports progress for each chunk: the next one is requested only after the client has read the previous one. */
async function* watched(bytes: AsyncIterable<Uint8Array>, reader: ObjectReader): AsyncIterable<Uint8Array> {
  for await (const chunk of bytes) {
    reader.progress();
    yield chunk;
  }
}

function answerEmpty(ctx: RequestContext, status: number): void {
  for (const header of [
    'Content-Type',
    'Content-Encoding',
    'Content-Disposition',
    'Content-Language',
    'Repr-Digest',
  ])
    ctx.res.removeHeader(header);
  ctx.status = status;
}

function singleHeader(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'object' ? header[0] : header;
}

function unsatisfiable({ sizeBytes }: MeasuredObject): HttpProblem {
  return new HttpProblem(416, 'range_not_satisfiable', `The object has ${sizeBytes} bytes.`, {
    headers: { 'Content-Range': `bytes */${sizeBytes}` },
  });
}
