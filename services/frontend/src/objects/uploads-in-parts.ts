import type { IncomingMessage } from 'node:http';
import {
  begunXml,
  completedXml,
  countingHeaders,
  entityTag,
  parseCompletion,
  partsXml,
  type RoutedUploads,
  type SignedObjectTarget,
} from '@cloud-mirror/routed-objects';
import { HttpProblem, methodNotAllowed } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import { answerEmpty, askForBody, receivedUpload, storedHeaders, untilGone } from './received-upload.ts';

/** More than the list of 10,000 parts. */
const LARGEST_LIST_BYTES = 4 * 1024 ** 2;

/** Answers requests about an upload in parts, as S3 does. */
export async function handleUpload(
  ctx: RequestContext,
  uploads: RoutedUploads,
  target: SignedObjectTarget,
): Promise<void> {
  const { store, key, query } = target;
  const uploadId = query.get('uploadId') ?? '';
  switch (ctx.req.method) {
    case 'POST': {
      if (!query.has('uploads')) return complete(ctx, uploads, target);
      const begun = await uploads.begin(key, storedHeaders(ctx.req), countingHeaders(ctx.req.headers));
      return answerXml(ctx, begunXml(store, key, begun), 'upload_begun');
    }
    case 'PUT': {
      const number = Number(query.get('partNumber'));
      const stored = await uploads.putPart(key, uploadId, number, receivedUpload(ctx));
      if (stored === null) throw noSuchUpload();
      ctx.res.setHeader('ETag', entityTag(stored) ?? '');
      return answerEmpty(ctx, 200, 'stored');
    }
    case 'GET': {
      const parts = await uploads.parts(key, uploadId);
      if (parts === null) throw noSuchUpload();
      return answerXml(ctx, partsXml(store, key, uploadId, parts), 'parts_listed');
    }
    case 'DELETE':
      if (!(await uploads.abort(key, uploadId))) throw noSuchUpload();
      return answerEmpty(ctx, 204, 'upload_ended');
    default:
      throw methodNotAllowed(['DELETE', 'GET', 'POST', 'PUT']);
  }
}

async function complete(
  ctx: RequestContext,
  uploads: RoutedUploads,
  { store, key, query }: SignedObjectTarget,
): Promise<void> {
  askForBody(ctx);
  const named = parseCompletion(await readText(ctx.req));
  const options = { onlyNew: ctx.req.headers['if-none-match'] === '*', signal: untilGone(ctx) };
  const etag = await uploads.complete(key, query.get('uploadId') ?? '', named, options);
  if (etag === null) throw noSuchUpload();
  answerXml(ctx, completedXml(store, key, etag), 'stored');
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LARGEST_LIST_BYTES)
      throw new HttpProblem(413, 'upload_too_large', 'The list of parts is too long.');
  }
  return Buffer.concat(chunks).toString();
}

function answerXml(ctx: RequestContext, xml: string, outcome: string): void {
  ctx.state.record.outcome = outcome;
  ctx.status = 200;
  ctx.res.setHeader('Content-Type', 'application/xml');
  ctx.res.setHeader('X-Content-Type-Options', 'nosniff');
  ctx.body = xml;
}

function noSuchUpload(): HttpProblem {
  return new HttpProblem(404, 'no_such_upload', 'This object has no upload with this uploadId.');
}
