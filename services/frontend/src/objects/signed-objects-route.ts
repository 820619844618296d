import type { IncomingMessage } from 'node:http';
import type { Backends } from '@cloud-mirror/mirrored-objects';
import type { Logger } from '@cloud-mirror/program';
import {
  countingHeaders,
  entityTag,
  isRoutedStore,
  RoutedObjects,
  RoutedUploads,
  userMetadataOf,
  type ObjectSigner,
  type RoutedStore,
  type SignedObjectTarget,
} from '@cloud-mirror/routed-objects';
import type { OpenObject } from '@cloud-mirror/storage-provider';
import { HttpProblem, methodNotAllowed } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import { recordBackend } from '../redirect/object-record.ts';
import { objectHeaders } from './object-headers.ts';
import type { ObjectReaders } from './object-readers.ts';
import { enterReaders, serveObject } from './serve-object.ts';
import { answerEmpty, receivedUpload } from './received-upload.ts';
import { UploadSlots } from './upload-slots.ts';
import { handleUpload } from './uploads-in-parts.ts';

export interface SignedObjectsParts {
  readonly backends: Backends;
  readonly logger: Logger;
  readonly readers: ObjectReaders;
  readonly objectSigner: () => Promise<ObjectSigner | null>;
  readonly acceptUpload: (request: IncomingMessage) => void;
  readonly clientOf: (request: IncomingMessage) => string;
}

const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE'] as const;

/**
 * `GET|HEAD|PUT|DELETE /v1/objects/:service/:region/<key>?…&signature=…`: routed objects of `filesystem` back ends, and
 * with `uploads` or `uploadId` (POST too) uploads in parts. A router signs the address for one request and some seconds.
 */
export function signedObjectsRoute(parts: SignedObjectsParts) {
  const uploads = new UploadSlots(parts.clientOf);
  return async (ctx: RequestContext, target: SignedObjectTarget): Promise<void> => {
    recordBackend(ctx.state.record, target.service, target.region);
    const store = parts.backends.get(target.store)?.store;
    await assertSigned(ctx, target, await parts.objectSigner());
    // The back end may have another kind since the address was signed.
    if (store === undefined || !isRoutedStore(store)) throw noSuchObject();
    if (target.query.has('tagging') || target.query.has('versionId'))
      throw new HttpProblem(501, 'not_implemented', 'Folders have no tags and no versions of objects.');
    if (target.query.has('uploadId') || target.query.has('uploads')) {
      using _slot = uploads.enter(ctx.req);
      parts.acceptUpload(ctx.req);
      return await handleUpload(ctx, new RoutedUploads(store), target);
    }
    switch (ctx.req.method) {
      case 'GET':
      case 'HEAD':
        return read(ctx, store, target, parts);
      case 'PUT': {
        using _slot = uploads.enter(ctx.req);
        parts.acceptUpload(ctx.req);
        return await put(ctx, store, target);
      }
      case 'DELETE':
        await new RoutedObjects(store).delete(target.key);
        return answerEmpty(ctx, 204, 'deleted');
      default:
        throw methodNotAllowed(METHODS);
    }
  };
}

async function assertSigned(
  ctx: RequestContext,
  target: SignedObjectTarget,
  signer: ObjectSigner | null,
): Promise<void> {
  const { method = '', headers } = ctx.req;
  const verdict = signer?.verify(method, target, countingHeaders(headers), new Date()) ?? 'mismatch';
  switch (verdict) {
    case 'valid':
      return;
    case 'expired':
      throw new HttpProblem(
        403,
        'signature_expired',
        'This address has expired: ask the router for another.',
      );
    case 'mismatch':
      throw new HttpProblem(
        403,
        'signature_mismatch',
        'The signature of this address is for another method, key, query or set of x-amz-* headers.',
      );
  }
}

async function read(
  ctx: RequestContext,
  store: RoutedStore,
  { key, query }: SignedObjectTarget,
  { readers, logger }: SignedObjectsParts,
): Promise<void> {
  using reader = await enterReaders(readers, ctx);
  await using opened = await new RoutedObjects(store).open(key);
  if (opened === null) throw noSuchObject();
  const etag = entityTag(opened.object);
  const headers = { ...routedHeaders(opened, etag), ...overrides(query) };
  await serveObject(ctx, { opened, etag, headers }, reader, logger);
}

function routedHeaders({ object }: OpenObject, etag: string | null): Record<string, string> {
  const metadata = Object.entries(userMetadataOf(object)).map(([name, value]) => [
    `x-amz-meta-${name}`,
    value,
  ]);
  return {
    ...objectHeaders({ ...object, metadata: {} }),
    ...(etag === null ? {} : { ETag: etag }),
    ...(Object.fromEntries(metadata) as Record<string, string>),
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax */
const OVERRIDES: Readonly<Record<string, string>> = {
  'response-cache-control': 'Cache-Control',
  'response-content-disposition': 'Content-Disposition',
  'response-content-encoding': 'Content-Encoding',
  'response-content-language': 'Content-Language',
  'response-content-type': 'Content-Type',
  'response-expires': 'Expires',
};

/** Headers that the query replaces in the answer. */
function overrides(query: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of query) {
    const header = Object.hasOwn(OVERRIDES, name) ? OVERRIDES[name] : undefined;
    if (header !== undefined && /^[\t\x20-\x7e]+$/.test(value)) headers[header] = value;
  }
  return headers;
}

async function put(ctx: RequestContext, store: RoutedStore, { key }: SignedObjectTarget): Promise<void> {
  const stored = await new RoutedObjects(store).put(key, receivedUpload(ctx));
  ctx.res.setHeader('ETag', entityTag(stored) ?? '');
  answerEmpty(ctx, 200, 'stored');
}

function noSuchObject(): HttpProblem {
  return new HttpProblem(404, 'no_such_object', 'There is no object with this key.');
}
