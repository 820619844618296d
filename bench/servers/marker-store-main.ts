/**
 * Speaks as much of S3 as a front end needs of a bucket with many purge markers: `LIST`, and `HEAD` of what says since when
 * purges are logged. The argument `1000:logged` is the number of markers, and `logged` if all of them are in the log of purges, spread over the
 * last thirty days; `plain` if they are as version 0.2.0 wrote them. `GET /.sink` returns the calls, `DELETE /.sink` resets them.
 */
import { createHash } from 'node:crypto';
import { purgeLogKey } from '@cloud-mirror/mirrored-objects';
import { operationOf } from '@cloud-mirror/testing/aws-operation';
import { serveOnLoopback } from './loopback-server.ts';

const LOG_DAYS = 30;
const DAY_MS = 86_400_000;
const PAGE = 1_000;

const [number = '', how] = (process.argv[2] ?? '').split(':');
const count = Number(number);
const isLogged = how === 'logged';
const digests = Array.from({ length: count }, (_, number) =>
  createHash('sha256').update(String(number)).digest('hex'),
).sort();
const firstMs = Date.now() - LOG_DAYS * DAY_MS;
const markers = digests.map((sha256) => `purged/${sha256}`);
const log = isLogged
  ? digests.map((sha256, index) =>
      purgeLogKey(firstMs + (index / count) * LOG_DAYS * DAY_MS, { sha256, generation: 'g'.repeat(22) }),
    )
  : [];
/** Sorted, because digits and the letters of digests sort before the log's name. */
const keys = [...markers, ...log];
let calls: Record<string, number> = {};

serveOnLoopback((request, response) => {
  const { method = 'GET', url = '/' } = request;
  request.resume();
  const { pathname, searchParams } = new URL(url, 'http://sink.invalid');
  if (pathname === '/.sink') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(calls));
    if (method === 'DELETE') calls = {};
    return;
  }
  const operation = operationOf(method, url, request.headers);
  calls[operation] = (calls[operation] ?? 0) + 1;
  if (operation === 'ListObjectsV2') {
    response.setHeader('content-type', 'application/xml');
    return void response.end(pageOf(searchParams));
  }
  if (operation === 'HeadObject' && isLogged && pathname.endsWith('/purged/log-since'))
    return void response
      .writeHead(200, {
        etag: '"since"',
        'last-modified': new Date(firstMs).toUTCString(),
        'content-length': 9,
      })
      .end();
  if (operation === 'HeadObject') return void response.writeHead(404).end();
  response.writeHead(200).end();
});

function pageOf(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const from = Math.max(firstAtOrAfter(prefix), after === '' ? 0 : firstAtOrAfter(`${after}\0`));
  const page = keys.slice(from, from + PAGE).filter((key) => key.startsWith(prefix));
  const isTruncated = page.length === PAGE && keys[from + PAGE]?.startsWith(prefix) === true;
  const contents = page.map((key) => `<Contents><Key>${key}</Key><ETag>"0123456789abcdef"</ETag></Contents>`);
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1) ?? ''}</NextContinuationToken>` : '';
  return `<?xml version="1.0"?><ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`;
}

/** The index of the first key that does not sort before `text`. */
function firstAtOrAfter(text: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
