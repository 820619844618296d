/**
 * Speaks as much of S3 as uploads need, keeps headers and sizes, and discards the bytes unread, so that the sender is
 * measured. `GET /.sink` returns what was received, `DELETE /.sink` resets it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { operationOf } from '@cloud-mirror/testing/aws-operation';
import { serveOnLoopback } from './loopback-server.ts';

interface KeptObject {
  sizeBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

const objects = new Map<string, KeptObject>();
const uploads = new Map<string, KeptObject>();
let calls: Record<string, number> = {};
let lastUpload = 0;

serveOnLoopback((request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const received = await drained(request);
  const { pathname, searchParams } = new URL(url, 'http://sink.invalid');
  if (pathname === '/.sink') return control(method, response);
  const operation = operationOf(method, url, request.headers);
  calls[operation] = (calls[operation] ?? 0) + 1;
  // An aws-chunked body is longer than its payload.
  const sizeBytes = Number(request.headers['x-amz-decoded-content-length'] ?? received);
  switch (operation) {
    case 'PutObject':
      objects.set(pathname, { sizeBytes, metadata: metadataOf(request) });
      return send(response, 200, '', { etag: '"sink"' });
    case 'CreateMultipartUpload': {
      const id = String(++lastUpload);
      uploads.set(id, { sizeBytes: 0, metadata: metadataOf(request) });
      return send(response, 200, xml('InitiateMultipartUploadResult', `<UploadId>${id}</UploadId>`));
    }
    case 'UploadPart': {
      const upload = uploads.get(searchParams.get('uploadId') ?? '');
      if (upload === undefined) return send(response, 404, xml('Error', '<Code>NoSuchUpload</Code>'));
      upload.sizeBytes += sizeBytes;
      return send(response, 200, '', { etag: '"sink"' });
    }
    case 'CompleteMultipartUpload': {
      const id = searchParams.get('uploadId') ?? '';
      const upload = uploads.get(id);
      if (upload === undefined) return send(response, 404, xml('Error', '<Code>NoSuchUpload</Code>'));
      uploads.delete(id);
      objects.set(pathname, upload);
      return send(response, 200, xml('CompleteMultipartUploadResult', '<ETag>"sink"</ETag>'));
    }
    case 'HeadObject':
      return head(response, objects.get(pathname));
    case 'ListObjectsV2':
      return send(
        response,
        200,
        xml('ListBucketResult', '<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount>'),
      );
    case 'ListMultipartUploads':
      return send(response, 200, xml('ListMultipartUploadsResult', '<IsTruncated>false</IsTruncated>'));
    case 'DeleteObject':
    case 'AbortMultipartUpload':
      return send(response, 204, '');
    default:
      return send(response, 200, '');
  }
}

function control(method: string, response: ServerResponse): void {
  if (method === 'DELETE') {
    calls = {};
    objects.clear();
  }
  const keptBytes = [...objects.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  send(response, 200, JSON.stringify({ calls, objects: objects.size, keptBytes }));
}

function head(response: ServerResponse, object: KeptObject | undefined): void {
  if (object === undefined) return send(response, 404, '');
  response.writeHead(200, {
    'content-length': object.sizeBytes,
    etag: '"sink"',
    'last-modified': new Date().toUTCString(),
    ...object.metadata,
  });
  response.end();
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('x-amz-meta-') && typeof value === 'string' ? [[name, value]] : [],
    ),
  );
}

function xml(name: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><${name}>${content}</${name}>`;
}

async function drained(request: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}
