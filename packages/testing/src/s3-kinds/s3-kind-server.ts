import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusalOfSignature, type SignatureRules } from '../s3-signatures.ts';
import { S3KindBucket } from './s3-kind-bucket.ts';
import { failure, receive } from './s3-kind-request.ts';
import type { S3KindAnswer, S3KindRequest } from './s3-kind-request.ts';
import type { S3Kind } from './s3-kind.ts';

const SIGNATURES: SignatureRules = { secrets: { test: 'test' }, publicRead: true, now: Date.now };

/**
 * An in-memory server on loopback that behaves like one kind of store, for kinds that cannot be installed as a package.
 * Requests must be signed with the access key `test` and the secret `test`; anybody may read objects.
 */
export class S3KindServer implements AsyncDisposable {
  readonly kind: S3Kind;
  readonly requests: S3KindRequest[] = [];
  readonly #buckets = new Map<string, S3KindBucket>();
  readonly #server: Server;

  private constructor(kind: S3Kind) {
    this.kind = kind;
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch(() => response.destroy());
    });
  }

  static async start(kind: S3Kind): Promise<S3KindServer> {
    const server = new S3KindServer(kind);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The keys of the objects in a bucket. */
  keys(bucket: string): string[] {
    return [...(this.#buckets.get(bucket)?.objects.keys() ?? [])].sort();
  }

  /** The keys of the open uploads in a bucket. */
  openUploads(bucket: string): string[] {
    return [...(this.#buckets.get(bucket)?.uploads.values() ?? [])].map(({ key }) => key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await receive(incoming);
    this.requests.push(request);
    const { method = '', url: path = '/', headers: sent } = incoming;
    const refusal = refusalOfSignature({ method, path, headers: sent, body: request.body }, SIGNATURES);
    const { status, headers, body }: S3KindAnswer = refusal ?? this.#answer(request);
    response.writeHead(
      status,
      typeof body === 'string' ? { 'Content-Type': 'application/xml' } : { ...headers },
    );
    response.end(request.method === 'HEAD' || status === 204 || status === 304 ? undefined : body);
  }

  #answer(request: S3KindRequest): S3KindAnswer {
    const { bucket: name, key, method, query } = request;
    const makes = method === 'PUT' && key === '' && !query.has('lifecycle');
    if (makes && !this.#buckets.has(name)) this.#buckets.set(name, new S3KindBucket(this.kind));
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return failure(404, 'NoSuchBucket');
    if (method === 'DELETE' && key === '') this.#buckets.delete(name);
    return bucket.answer(request);
  }
}
