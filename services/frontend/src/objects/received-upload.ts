import type { IncomingMessage } from 'node:http';
import { countingHeaders, type Upload } from '@cloud-mirror/routed-objects';
import type { ObjectHeaders } from '@cloud-mirror/storage-provider';
import type { RequestContext } from '../request-context.ts';

/** As in S3 for one PUT: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const LARGEST_UPLOAD_BYTES = 5 * 1024 ** 3;

/** The body of a request whose signature is valid, with what its headers say. */
export function receivedUpload(ctx: RequestContext): Upload {
  const { headers } = ctx.req;
  const length = headers['content-length'];
  return {
    body: requestedBody(ctx),
    sizeBytes: length === undefined ? null : Number(length),
    maxBytes: LARGEST_UPLOAD_BYTES,
    headers: storedHeaders(ctx.req),
    counting: countingHeaders(headers),
    onlyNew: headers['if-none-match'] === '*',
    signal: untilGone(ctx),
  };
}

/** Asks a waiting client for the body when it is first read: until then, the upload may still be refused without it. */
async function* requestedBody(ctx: RequestContext): AsyncGenerator<Uint8Array, void, undefined> {
  askForBody(ctx);
  // A refusal in the middle of the body must still reach the client.
  yield* ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

/** Aborted when the client disconnects. */
export function untilGone(ctx: RequestContext): AbortSignal {
  const gone = new AbortController();
  ctx.res.once('close', () => gone.abort(new Error('the client disconnected')));
  return gone.signal;
}

/** Sends `100 Continue` to a client that waits for it. */
export function askForBody(ctx: RequestContext): void {
  if (ctx.req.headers.expect?.toLowerCase() === '100-continue') ctx.res.writeContinue();
}

export function storedHeaders({ headers }: IncomingMessage): ObjectHeaders {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    contentType: headers['content-type'] ?? 'application/octet-stream',
    contentEncoding: one('content-encoding'),
    contentDisposition: one('content-disposition'),
    contentLanguage: one('content-language'),
    cacheControl: one('cache-control'),
    expires: one('expires'),
  };
}

export function answerEmpty(ctx: RequestContext, status: number, outcome: string): void {
  ctx.state.record.outcome = outcome;
  ctx.status = status;
  if (status !== 204) ctx.res.setHeader('Content-Length', '0');
  ctx.respond = false;
  ctx.res.statusCode = status;
  ctx.res.end();
}
