import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

/** A request as received from the socket. */
export interface StoreRequest {
  readonly method: string;
  /** Decoded, without the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** S3's name of the operation, such as `PutObject`. */
  readonly operation: string;
}

export type StoreAnswer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** Sends the headers and the beginning of the body, then stalls. */
  | { readonly status: number; readonly stalledBody: string }
  | 'hang'
  | 'reset';

export type Script = (request: StoreRequest, times: number) => StoreAnswer | undefined;

/**
 * An HTTP server that answers like S3, unless its script returns another answer. It simulates failures that a real test
 * server cannot be made to cause. `times` counts the requests of the same operation, from 1.
 */
export class ScriptedStore implements AsyncDisposable {
  readonly requests: StoreRequest[] = [];
  readonly openUploads = new Set<string>();
  /** Metadata and sizes of stored objects, for answers to HEAD. */
  readonly objects = new Map<string, { readonly headers: Record<string, string>; sizeBytes: number }>();
  mostAtOnce = 0;
  readonly #server: Server;
  readonly #script: Script;
  #atOnce = 0;

  private constructor(script: Script) {
    this.#script = script;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(script: Script): Promise<ScriptedStore> {
    const store = new ScriptedStore(script);
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The number of open connections. */
  connections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  count(operation: string): number {
    return this.requests.filter((request) => request.operation === operation).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    response.once('close', () => (this.#atOnce -= 1));
    const request = await receive(incoming);
    this.requests.push(request);
    const answer = this.#script(request, this.count(request.operation)) ?? this.answer(request);
    if (answer === 'hang') return;
    if (answer === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    const headers = { 'Content-Type': 'application/xml', ...('headers' in answer ? answer.headers : {}) };
    response.writeHead(answer.status, headers);
    if ('stalledBody' in answer) response.write(answer.stalledBody);
    else response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  /** The answer of S3 to a successful request. */
  answer(request: StoreRequest): StoreAnswer {
    const { operation, key, headers, body, query } = request;
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    switch (operation) {
      case 'PutObject':
        if (!checksumHolds(request)) return errorAnswer(400, 'BadDigest');
        this.objects.set(key, { headers: kept(headers), sizeBytes: body.length });
        return { status: 200, headers: { ETag: etag } };
      case 'CreateMultipartUpload':
        this.openUploads.add(`upload-of-${key}`);
        this.objects.set(`upload-of-${key}`, { headers: kept(headers), sizeBytes: 0 });
        return {
          status: 200,
          body: xml('InitiateMultipartUploadResult', `<UploadId>upload-of-${key}</UploadId>`),
        };
      case 'UploadPart': {
        if (!checksumHolds(request)) return errorAnswer(400, 'BadDigest');
        const upload = this.objects.get(query.get('uploadId') ?? '');
        if (upload === undefined) return errorAnswer(404, 'NoSuchUpload');
        upload.sizeBytes += body.length;
        return { status: 200, headers: { ETag: etag } };
      }
      case 'CompleteMultipartUpload': {
        const upload = this.objects.get(query.get('uploadId') ?? '');
        if (upload === undefined) return errorAnswer(404, 'NoSuchUpload');
        this.objects.set(key, upload);
        this.#forget(query);
        return { status: 200, body: xml('CompleteMultipartUploadResult', '<ETag>"whole-2"</ETag>') };
      }
      case 'AbortMultipartUpload':
        this.#forget(query);
        return { status: 204 };
      case 'HeadObject': {
        const object = this.objects.get(key);
        if (object === undefined) return { status: 404 };
        return {
          status: 200,
          headers: {
            ...object.headers,
            'Content-Length': String(object.sizeBytes),
            ETag: '"whole-2"',
            'Last-Modified': new Date(0).toUTCString(),
          },
        };
      }
      case 'DeleteObject':
        return { status: 204 };
      default:
        return { status: 200, body: '' };
    }
  }

  #forget(query: URLSearchParams): void {
    this.openUploads.delete(query.get('uploadId') ?? '');
    this.objects.delete(query.get('uploadId') ?? '');
  }
}

export function errorAnswer(status: number, code: string, more = ''): StoreAnswer {
  return { status, body: xml('Error', `<Code>${code}</Code><Message>as scripted</Message>${more}`) };
}

export function xml(root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><${root}>${content}</${root}>`;
}

/** Whether a request has a checksum of its payload in one of the two headers, and all its checksums are right. */
export function checksumHolds({ headers, body }: StoreRequest): boolean {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  const expected: Record<string, string> = {
    'x-amz-checksum-crc32': sum.toString('base64'),
    'content-md5': createHash('md5').update(body).digest('base64'),
  };
  const carried = Object.keys(expected).filter((name) => headers[name] !== undefined);
  return carried.length > 0 && carried.every((name) => headers[name] === expected[name]);
}

async function receive(incoming: IncomingMessage): Promise<StoreRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const url = new URL(incoming.url ?? '/', 'http://store');
  const [, , ...key] = url.pathname.split('/');
  const method = incoming.method ?? '';
  const path = key.map(decodeURIComponent).join('/');
  return {
    method,
    key: path,
    query: url.searchParams,
    headers: incoming.headers as Record<string, string | undefined>,
    body: Buffer.concat(chunks),
    operation: operationOf(method, path, url.searchParams),
  };
}

function operationOf(method: string, key: string, query: URLSearchParams): string {
  if (key === '') {
    if (query.has('lifecycle')) return method === 'PUT' ? 'PutLifecycle' : 'GetLifecycle';
    if (query.has('uploads')) return 'ListMultipartUploads';
    if (query.has('list-type')) return 'ListObjects';
    return method === 'PUT' ? 'CreateBucket' : 'HeadBucket';
  }
  if (query.has('uploads')) return 'CreateMultipartUpload';
  if (query.has('uploadId')) {
    if (method === 'PUT') return 'UploadPart';
    return method === 'POST' ? 'CompleteMultipartUpload' : 'AbortMultipartUpload';
  }
  return { PUT: 'PutObject', DELETE: 'DeleteObject', HEAD: 'HeadObject' }[method] ?? method;
}

function kept(headers: StoreRequest['headers']): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(entries) as Record<string, string>;
}
