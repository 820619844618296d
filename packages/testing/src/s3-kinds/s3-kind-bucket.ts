import { createHash, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { S3Kind } from './s3-kind.ts';
import type { S3KindAnswer, S3KindRequest } from './s3-kind-request.ts';
import { escapeXml, failure, xml } from './s3-kind-request.ts';

interface Stored {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
  readonly modified: Date;
}

interface Upload {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, Buffer>;
  readonly begun: Date;
}

const KEPT_HEADERS =
  /^(?:x-amz-meta-.+|content-(?:type|encoding|disposition|language)|cache-control|expires)$/;
const PAGE = 1000;

/** An in-memory bucket that behaves like one kind of store. */
export class S3KindBucket {
  readonly objects = new Map<string, Stored>();
  readonly uploads = new Map<string, Upload>();
  readonly #kind: S3Kind;
  #lifecycle: string | null = null;

  constructor(kind: S3Kind) {
    this.#kind = kind;
  }

  answer(request: S3KindRequest): S3KindAnswer {
    const { key, method, query } = request;
    if (key === '') return this.#aboutBucket(request);
    const refusal = this.#keyRefusal(key, method);
    if (refusal !== null) return refusal;
    const uploadId = query.get('uploadId');
    if (query.has('uploads')) return this.#createUpload(request);
    if (uploadId !== null) return this.#aboutUpload(request, uploadId);
    switch (method) {
      case 'PUT':
        return this.#put(request);
      case 'GET':
      case 'HEAD':
        return this.#get(request);
      case 'DELETE':
        this.objects.delete(this.#placeOf(key));
        return { status: 204 };
      default:
        return failure(405, 'MethodNotAllowed');
    }
  }

  #aboutBucket({ method, query, body }: S3KindRequest): S3KindAnswer {
    if (query.has('lifecycle')) return this.#aboutLifecycle(method, body);
    if (query.has('uploads')) return this.#listUploads(query);
    if (query.has('list-type')) return this.#listObjects(query);
    return { status: method === 'DELETE' ? 204 : 200 };
  }

  #aboutLifecycle(method: string, body: Buffer): S3KindAnswer {
    const { lifecycle } = this.#kind;
    if (lifecycle === 'not_implemented') return failure(501, 'NotImplemented');
    if (method === 'GET')
      return this.#lifecycle === null
        ? failure(404, 'NoSuchLifecycleConfiguration')
        : { status: 200, body: this.#lifecycle };
    if (lifecycle === 'malformed') return failure(400, 'MalformedXML');
    if (lifecycle === 'kept') this.#lifecycle = body.toString();
    return { status: 200 };
  }

  #keyRefusal(key: string, method: string): S3KindAnswer | null {
    if (this.#kind.oddKeys !== 'refused') return null;
    const odd = key.split('/').some((segment) => ['', '.', '..'].includes(segment));
    if (odd) return failure(400, 'XMinioInvalidObjectName');
    if (method !== 'PUT') return null;
    const nested = [...this.objects.keys()].some(
      (other) => other.startsWith(`${key}/`) || key.startsWith(`${other}/`),
    );
    return nested ? failure(400, 'XMinioParentIsObject') : null;
  }

  #placeOf(key: string): string {
    if (this.#kind.oddKeys !== 'cleaned') return key;
    return key
      .split('/')
      .filter((segment) => segment !== '' && segment !== '.')
      .join('/');
  }

  #put(request: S3KindRequest): S3KindAnswer {
    const { key, headers, body } = request;
    const refusal =
      this.#damage(request) ?? this.#metadataRefusal(headers) ?? this.#conditionRefusal(request);
    if (refusal !== null) return refusal;
    const stored = { body, headers: kept(headers), etag: md5Of(body), modified: new Date() };
    this.objects.set(this.#placeOf(key), stored);
    return { status: 200, headers: { ETag: `"${stored.etag}"` } };
  }

  #get({ key, method, headers }: S3KindRequest): S3KindAnswer {
    const stored = this.objects.get(this.#placeOf(key));
    if (stored === undefined) return failure(404, 'NoSuchKey');
    const about = {
      ...stored.headers,
      ETag: `"${stored.etag}"`,
      'Last-Modified': stored.modified.toUTCString(),
      'Content-Length': String(stored.body.length),
    };
    if (headers['if-none-match'] === about.ETag) return { status: 304, headers: about };
    return { status: 200, headers: about, ...(method === 'GET' && { body: stored.body }) };
  }

  #damage({ headers, body }: S3KindRequest): S3KindAnswer | null {
    const { crc32: byCrc, md5 } = this.#kind;
    const sum = headers['x-amz-checksum-crc32'];
    if (sum !== undefined && byCrc === 'refused') return failure(501, 'NotImplemented');
    const expected = Buffer.alloc(4);
    expected.writeUInt32BE(crc32(body));
    if (sum !== undefined && byCrc === 'verified' && sum !== expected.toString('base64'))
      return failure(400, 'XAmzContentChecksumMismatch');
    const sent = headers['content-md5'];
    if (sent === undefined || md5 === 'ignored') return null;
    return sent === createHash('md5').update(body).digest('base64') ? null : failure(400, 'BadDigest');
  }

  #metadataRefusal(headers: S3KindRequest['headers']): S3KindAnswer | null {
    const { bytes, refusal } = this.#kind.metadataValue;
    const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
    if (own.every(([, value = '']) => value.length <= bytes)) return null;
    return refusal === 500 ? failure(500, 'InternalError') : failure(400, 'MetadataTooLarge');
  }

  #conditionRefusal({ key, headers, method }: S3KindRequest): S3KindAnswer | null {
    if (method === 'POST' && !this.#kind.completesOnCondition) return null;
    const present = this.objects.get(this.#placeOf(key));
    if (headers['if-none-match'] !== undefined) {
      if (this.#kind.ifNoneMatch === 'refused') return failure(501, 'NotImplemented');
      if (this.#kind.ifNoneMatch === 'honoured' && present !== undefined)
        return failure(412, 'PreconditionFailed');
    }
    const tag = headers['if-match'];
    if (tag === undefined || this.#kind.ifMatch === 'ignored') return null;
    if (this.#kind.ifMatch === 'refused') return failure(501, 'NotImplemented');
    if (present === undefined) return failure(404, 'NoSuchKey');
    const compared = this.#kind.ifMatch === 'quoted' ? tag : tag.replace(/^"(.*)"$/, '$1');
    return compared === present.etag ? null : failure(412, 'PreconditionFailed');
  }

  #createUpload(request: S3KindRequest): S3KindAnswer {
    const { key, headers } = request;
    const { crc32: byCrc } = this.#kind;
    if (headers['x-amz-checksum-algorithm'] !== undefined && byCrc === 'refused')
      return failure(501, 'NotImplemented');
    const refusal = this.#metadataRefusal(headers);
    if (refusal !== null) return refusal;
    const id = randomUUID();
    this.uploads.set(id, { key, headers: kept(headers), parts: new Map(), begun: new Date() });
    return xml('InitiateMultipartUploadResult', `<UploadId>${id}</UploadId>`);
  }

  #aboutUpload(request: S3KindRequest, id: string): S3KindAnswer {
    const upload = this.uploads.get(id);
    if (upload === undefined || upload.key !== request.key) return failure(404, 'NoSuchUpload');
    switch (request.method) {
      case 'PUT': {
        const damage = this.#damage(request);
        if (damage !== null) return damage;
        upload.parts.set(Number(request.query.get('partNumber')), request.body);
        return { status: 200, headers: { ETag: `"${md5Of(request.body)}"` } };
      }
      case 'POST':
        return this.#complete(request, id, upload);
      default:
        this.uploads.delete(id);
        return { status: 204 };
    }
  }

  #complete(request: S3KindRequest, id: string, { parts, headers, key }: Upload): S3KindAnswer {
    const refusal = this.#conditionRefusal(request);
    if (refusal !== null) return refusal;
    const numbers = [...request.body.toString().matchAll(/<PartNumber>(\d+)</g)].map((match) =>
      Number(match[1]),
    );
    const bodies = numbers.map((number) => parts.get(number) ?? Buffer.alloc(0));
    const body = Buffer.concat(bodies);
    const sums = bodies.map((part) => createHash('md5').update(part).digest());
    const etag = `${md5Of(Buffer.concat(sums))}-${bodies.length}`;
    this.objects.set(this.#placeOf(key), { body, headers, etag, modified: new Date() });
    this.uploads.delete(id);
    return xml('CompleteMultipartUploadResult', `<ETag>&quot;${etag}&quot;</ETag>`);
  }

  #listObjects(query: URLSearchParams): S3KindAnswer {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, PAGE);
    const contents = page.map((key) => {
      const { etag, body, modified } = this.objects.get(key) as Stored;
      return `<Contents><Key>${this.#listed(key, query)}</Key><ETag>&quot;${etag}&quot;</ETag><Size>${body.length}</Size><LastModified>${modified.toISOString()}</LastModified></Contents>`;
    });
    const last = page.at(-1);
    const more = keys.length > PAGE && last !== undefined;
    const next = more ? `<NextContinuationToken>${escapeXml(last)}</NextContinuationToken>` : '';
    return xml(
      'ListBucketResult',
      `${this.#encodingType(query)}<IsTruncated>${more}</IsTruncated>${next}${contents.join('')}`,
    );
  }

  #listUploads(query: URLSearchParams): S3KindAnswer {
    const after = `${query.get('key-marker') ?? ''} ${query.get('upload-id-marker') ?? ''}`;
    const name = ([id, { key }]: [string, Upload]): string => `${key} ${id}`;
    const all = [...this.uploads].filter(
      (upload) => query.get('key-marker') === null || name(upload) > after,
    );
    all.sort((a, b) => (name(a) < name(b) ? -1 : 1));
    const page = all.slice(0, Number(query.get('max-uploads') ?? PAGE));
    const uploads = page.map(
      ([id, { key, begun }]) =>
        `<Upload><Key>${this.#listed(key, query)}</Key><UploadId>${id}</UploadId><Initiated>${begun.toISOString()}</Initiated></Upload>`,
    );
    const [lastId, last] = page.at(-1) ?? [];
    const more = all.length > page.length && last !== undefined;
    // radosgw encodes only the keys, not the markers.
    const marker =
      last === undefined
        ? ''
        : this.#kind.listings === 'said'
          ? this.#listed(last.key, query)
          : escapeXml(last.key);
    const next = more
      ? `<NextKeyMarker>${marker}</NextKeyMarker><NextUploadIdMarker>${lastId ?? ''}</NextUploadIdMarker>`
      : '';
    return xml(
      'ListMultipartUploadsResult',
      `${this.#encodingType(query)}<IsTruncated>${more}</IsTruncated>${next}${uploads.join('')}`,
    );
  }

  #encodingType(query: URLSearchParams): string {
    return this.#kind.listings === 'said' && query.get('encoding-type') === 'url'
      ? '<EncodingType>url</EncodingType>'
      : '';
  }

  #listed(key: string, query: URLSearchParams): string {
    if (query.get('encoding-type') !== 'url') return escapeXml(key);
    switch (this.#kind.listings) {
      case 'said':
        return encodeURIComponent(key).replaceAll('%20', '+');
      case 'unsaid':
        return escapeXml(encodeURIComponent(key).replaceAll('%2F', '/'));
      case 'raw':
        return escapeXml(key);
    }
  }
}

function kept(headers: S3KindRequest['headers']): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => KEPT_HEADERS.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}

function md5Of(content: Buffer): string {
  return createHash('md5').update(content).digest('hex');
}
