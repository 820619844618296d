import { STATUS_CODES } from 'node:http';
import { deflateSync, gzipSync } from 'node:zlib';
import { bodyAnswer, type OriginAnswer, type OriginFault } from './origin-answer.ts';
import { fixedBody, patternedBody, type OriginBody } from './origin-body.ts';

/**
 * The routes of the origin server. `n` is a size in bytes.
 *
 * | path | response |
 * | --- | --- |
 * | /bytes/:n[/name] | n pseudo-random bytes with Content-Length |
 * | /stream/:n | the same, chunked, without a length |
 * | /close-delimited/:n | the same, with neither length nor chunks |
 * | /slow/:n?bps= | like /bytes, at `bps` bytes per second (default 10,240) |
 * | /cut/:n?at=&times=, /reset/…, /stall/… | Content-Length n, then the connection ends (FIN, RST) or stalls after `at` bytes |
 * | /cut-stream/:n?at=&times= | the same as /cut, chunked |
 * | /longer/:n?get=, /shorter/:n?get= | HEAD states n bytes, but a GET has `get` bytes with a matching Content-Length |
 * | /get-500, /get-302, /get-206, /get-html | HEAD 200; GET: 500; 302 to another host's loopback; a 206; a page of HTML with status 200 |
 * | /head-405/:n, /head-403/:n, /head-501/:n | HEAD is refused, GET is like /bytes |
 * | /no-type/:n | /bytes without Content-Type |
 * | /flaky/:n?failures=&status= | the first `failures` GETs fail with `status`, later ones are like /bytes |
 * | /answers/:n?head=&get=&header=&headHeader= | status `head` for HEAD and `get` for GET (default 200); below 300 with the bytes and headers of /bytes; plus each `header` (`name: value`), and each `headHeader` for HEAD only |
 * | /gzip, /deflate, /encoding/utf8, /json | Content-Encoding gzip and deflate, UTF-8 text, JSON |
 * | /status/:code | that status with a small body |
 * | /redirect/:n?to= | n redirects, then `to` (/bytes/1024) |
 * | /redirect-to?url=&status= | one redirect |
 * | /redirect-nowhere | a 302 without Location |
 * | /loop, /loop-a, /loop-b | redirect loops |
 *
 * Routes with bytes accept in the query: `seed`, `type`, `disposition`, `encoding`, `language`, `note`
 * (x-amz-meta-note), `cache` (Cache-Control), `expires`, `etag=strong|weak|md5|s3|s3-other|none` (s3: with S3's request
 * id; s3-other: with an ETag that is not the MD5; none: without Last-Modified as well), `ranges=none`, `md5=good|bad`,
 * `sha256=good|bad`, `bps`.
 *
 * @param tries the number of earlier requests for this path with this method
 * @returns null if there is no such route
 */
export function originAnswer(method: string, url: URL, tries: number): OriginAnswer | null {
  const [route = '', argument = ''] = url.pathname.slice(1).split('/');
  return ROUTES.get(route)?.({ method, query: url.searchParams, argument, tries }) ?? null;
}

interface Asked {
  readonly method: string;
  readonly query: URLSearchParams;
  /** The second segment of the path. */
  readonly argument: string;
  readonly tries: number;
}

type Route = (asked: Asked) => OriginAnswer;

const bytes: Route = ({ query, argument }) => {
  const seed = Number(query.get('seed') ?? 0);
  return bodyAnswer(patternedBody(seed, Number(argument)), query, `"${seed}-${argument}"`);
};

const faulty =
  (kind: OriginFault['kind'], framing: OriginAnswer['framing']): Route =>
  (asked) => ({
    ...bytes(asked),
    framing,
    fault: {
      kind,
      at: Number(asked.query.get('at') ?? Math.floor(Number(asked.argument) / 2)),
      times: Number(asked.query.get('times') ?? Infinity),
    },
  });

const headRefused =
  (status: number): Route =>
  (asked) =>
    asked.method === 'HEAD' ? statusAnswer(status) : bytes(asked);

/** Answers HEAD like /bytes/1024, and GET as given. */
const getDiffers =
  (answer: Route): Route =>
  (asked) =>
    asked.method === 'HEAD' ? bytes({ ...asked, argument: '1024' }) : answer(asked);

const otherLength: Route = (asked) =>
  bytes(asked.method === 'HEAD' ? asked : { ...asked, argument: asked.query.get('get') ?? '10' });

const answers: Route = (asked) => {
  const { method, query } = asked;
  const status = Number(query.get(method === 'HEAD' ? 'head' : 'get') ?? 200);
  const lines = [...query.getAll('header'), ...(method === 'HEAD' ? query.getAll('headHeader') : [])];
  const extra = Object.fromEntries(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const answer = status >= 300 ? statusAnswer(status) : bytes(asked);
  const headers = { ...answer.headers, ...extra };
  return status === 200 ? { ...answer, headers } : { ...answer, status, headers, ranges: false };
};

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>(
  Object.entries({
    bytes,
    stream: (asked) => ({ ...bytes(asked), framing: 'chunked' }),
    answers,
    'close-delimited': (asked) => ({ ...bytes(asked), framing: 'close' }),
    slow: (asked) => ({ bytesPerSecond: 10_240, ...bytes(asked) }),
    cut: faulty('cut', 'length'),
    reset: faulty('reset', 'length'),
    stall: faulty('stall', 'length'),
    'cut-stream': faulty('cut', 'chunked'),
    longer: otherLength,
    shorter: otherLength,
    'get-500': getDiffers(() => statusAnswer(500)),
    'get-302': getDiffers(() => redirectAnswer('http://127.0.0.2:9/', 302)),
    'get-206': getDiffers((asked) => ({
      ...bytes({ ...asked, argument: '100' }),
      status: 206,
      ranges: false,
    })),
    'get-html': getDiffers(() => fixed('<html><body>down for maintenance</body></html>', 'text/html')),
    'head-403': headRefused(403),
    'head-405': headRefused(405),
    'head-501': headRefused(501),
    'no-type': (asked) => {
      const answer = bytes(asked);
      return {
        ...answer,
        headers: Object.fromEntries(
          Object.entries(answer.headers).filter(([name]) => name !== 'content-type'),
        ),
      };
    },
    flaky: (asked) =>
      asked.method === 'GET' && asked.tries < Number(asked.query.get('failures') ?? 1)
        ? statusAnswer(Number(asked.query.get('status') ?? 503))
        : bytes(asked),
    gzip: ({ query }) => encoded('gzip', gzipSync(TEXT), query),
    deflate: ({ query }) => encoded('deflate', deflateSync(TEXT), query),
    encoding: () => fixed(UNICODE, 'text/plain; charset=utf-8'),
    json: ({ query }) => fixed(JSON.stringify(Object.fromEntries(query)), 'application/json'),
    status: ({ argument }) => statusAnswer(Number(argument)),
    redirect: ({ query, argument }) => {
      const left = Number(argument) - 1;
      const to = query.get('to') ?? '/bytes/1024';
      return redirectAnswer(left > 0 ? `/redirect/${left}?to=${encodeURIComponent(to)}` : to, 302);
    },
    'redirect-to': ({ query }) =>
      redirectAnswer(query.get('url') ?? '/bytes/1024', Number(query.get('status') ?? 302)),
    'redirect-nowhere': () => statusAnswer(302),
    loop: () => redirectAnswer('/loop', 302),
    'loop-a': () => redirectAnswer('/loop-b', 302),
    'loop-b': () => redirectAnswer('/loop-a', 302),
  } satisfies Record<string, Route>),
);

const TEXT = 'Stored bytes are the bytes that came over the wire.\n'.repeat(200);
const UNICODE = 'ASCII, ελληνικά, 日本語, עברית, 🚀 and a combining e\u0301\n';

function encoded(encoding: string, body: Uint8Array, query: URLSearchParams): OriginAnswer {
  const answer = bodyAnswer(fixedBody(body), query);
  return {
    ...answer,
    headers: { ...answer.headers, 'content-encoding': encoding, 'content-type': 'text/plain' },
  };
}

function fixed(text: string, type: string): OriginAnswer {
  return bodyAnswer(fixedBody(Buffer.from(text)), new URLSearchParams({ type }));
}

export function statusAnswer(status: number): OriginAnswer {
  const body: OriginBody = fixedBody(Buffer.from(`${status} ${STATUS_CODES[status] ?? 'Unknown'}\n`));
  return {
    status,
    headers: { 'content-type': 'text/plain' },
    body: status === 204 || status === 304 ? fixedBody(Buffer.alloc(0)) : body,
    framing: 'length',
    ranges: false,
  };
}

function redirectAnswer(location: string, status: number): OriginAnswer {
  const answer = statusAnswer(status);
  return { ...answer, headers: { ...answer.headers, location } };
}
