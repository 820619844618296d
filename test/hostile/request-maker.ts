import { HOSTILE_URLS } from './hostile-urls.ts';
import type { Random } from './random.ts';

export interface MadeRequest {
  /** The request as sent, one character for each byte. */
  readonly bytes: string;
  readonly route: string;
}

/** Valid values, so that some requests pass the first checks. */
export interface RequestSubjects {
  /** Origin URLs that may be mirrored. */
  readonly urls: readonly string[];
  readonly backend: readonly [service: string, region: string];
  /** Operators' tokens. */
  readonly tokens: readonly string[];
}

/** Values that any route may get instead of the expected one. */
const ODD: readonly string[] = [
  '',
  '.',
  '..',
  '%',
  '%2',
  '%zz',
  '%00',
  '%0d%0aX-Injected:%201',
  '%ff%fe',
  '%2e%2e%2f',
  '%252f',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'all',
  'null',
  '0',
  '-1',
  '1e309',
  'NaN',
  '*',
  ';',
  '=',
  '\'"<script>',
  '\\',
  '\u00e9\u00ff',
  '{{7*7}}',
  '${x}',
  'a'.repeat(300),
  'A'.repeat(5000),
  '/'.repeat(50),
];

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'PURGE',
  'get',
  'X',
  '',
];
const HOSTILE = Object.values(HOSTILE_URLS).flatMap((urls) => urls.map(({ url }) => url));

const HEADERS: readonly (readonly [name: string, values: readonly string[]])[] = [
  [
    'Prefer',
    [
      'wait=0',
      'wait=1',
      'wait=-1',
      'wait=1e9',
      'respond-async',
      'wait="0',
      'a=b;c, wait=0',
      ',,,;;==',
      '"'.repeat(99),
    ],
  ],
  ['Cache-Control', ['no-cache', 'no-cache="x', 'max-age=0, no-cache', '\t']],
  [
    'Range',
    [
      'bytes=0-0',
      'bytes=5-',
      'bytes=-5',
      'bytes=5-1',
      'bytes=0-0,2-3',
      'bytes=99999999999999999999-',
      'items=0-1',
      'bytes',
    ],
  ],
  ['If-None-Match', ['*', '"x"', 'W/"x"', '"', 'x'.repeat(3000), '"a","b', '""'.repeat(2000)]],
  ['If-Match', ['*', '"x"', ',']],
  ['If-Range', ['"x"', 'Tue, 14 Nov 2023 22:13:20 GMT', 'never']],
  ['If-Modified-Since', ['Tue, 14 Nov 2023 22:13:20 GMT', 'x', '+275760-09-13']],
  ['If-Unmodified-Since', ['Thu, 01 Jan 1970 00:00:00 GMT', '-1']],
  ['X-Request-Id', ['sane-1', 'a b', '\u00e9', 'x'.repeat(200), '<x>']],
  ['X-Forwarded-For', ['192.0.2.1', 'unknown', '::1, 127.0.0.1', ','.repeat(500), 'x'.repeat(9000)]],
  ['Content-Length', ['0', '5', '-1', '5, 5', '99999999999999', '0x5', '+5']],
  ['Transfer-Encoding', ['chunked', 'chunked, chunked', 'gzip', 'identity', ' chunked']],
  ['Expect', ['100-continue', 'x']],
  ['Connection', ['close', 'keep-alive', 'upgrade', 'x-request-id, host']],
  ['Upgrade', ['websocket', 'h2c']],
  ['Host', ['a', '', 'a, b', '[::1', 'a\u00e9', 'x'.repeat(300), '127.0.0.1:1', 'u@localhost', ':0']],
  ['Origin', ['null', 'https://evil.example', 'http://localhost', 'x', ':'.repeat(900)]],
  ['Sec-Fetch-Site', ['cross-site', 'same-origin', 'none', 'x']],
  ['Accept-Encoding', ['gzip', '*;q=0']],
  ['Cookie', ['a=b', ';'.repeat(1000)]],
  ['Last-Event-ID', ['1', '-1', 'x']],
  ['X-\u0001', ['x']],
  ['X Y', ['x']],
];

/** Generates requests to every route (valid, nearly valid and invalid) from pseudo-random choices. */
export class RequestMaker {
  readonly #random: Random;
  readonly #subjects: RequestSubjects;

  constructor(random: Random, subjects: RequestSubjects) {
    this.#random = random;
    this.#subjects = subjects;
  }

  make(): MadeRequest {
    const random = this.#random;
    const [route, path] = this.#path();
    const method = random.chance(0.6) ? this.#usualMethod(route) : random.pick(METHODS);
    const version = random.chance(0.95)
      ? 'HTTP/1.1'
      : random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'http/1.1', '']);
    const target = random.chance(0.03) ? `http://other.test${path}` : path;
    const lines = [`${method} ${target}${this.#query()} ${version}`, ...this.#headers()];
    const end = random.chance(0.98) ? '\r\n' : '\n';
    let bytes = lines.join(end) + end + end + this.#body();
    if (random.chance(0.03)) bytes = this.#broken(bytes);
    if (random.chance(0.03)) bytes += this.make().bytes;
    return { bytes, route };
  }

  #path(): readonly [route: string, path: string] {
    const random = this.#random;
    const object = () => `${this.#backend()}/${this.#parameter()}`;
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return ['redirect', `/v1/redirect/${object()}${random.chance(0.3) ? '/file.tar.gz' : ''}`];
      case 4:
        return ['purge', `/v1/purge/${object()}`];
      case 5:
        return ['status', `/v1/status/${object()}`];
      case 6:
        return [
          'cache',
          random.pick(['/v1/cache', `/v1/cache/${this.#backend()}`, `/v1/cache/${this.#name()}`]),
        ];
      case 7:
        return ['queue', `/v1/queue/${this.#backend()}`];
      case 8:
        return ['dead-letters', `/v1/dead-letters/${this.#backend()}${random.pick(['', '/redrive', '/x'])}`];
      case 9:
      case 10: {
        const hex = Array.from({ length: 64 }, () => random.below(16).toString(16)).join('');
        return ['objects', `/v1/objects/${this.#backend()}/${random.pick([hex, ...ODD])}`];
      }
      case 11:
        return ['prefetch', `/v1/prefetch/${object()}`];
      case 12:
        return [
          'machines',
          random.pick([
            '/',
            '/v1/ping',
            '/livez',
            '/readyz',
            '/metrics',
            '/v1/openapi.json',
            '/v1/backends',
            '/v1/events',
          ]),
        ];
      default:
        return [
          'other',
          `/${random.pick(['', 'v1', 'v1/', 'v2/x', '..', '%2e%2e/', '.env', 'v1//redirect'])}${random.pick(ODD)}`,
        ];
    }
  }

  #backend(): string {
    const [service, region] = this.#subjects.backend;
    if (this.#random.chance(0.7)) return `${service}/${region}`;
    return `${this.#random.chance(0.5) ? service : this.#name()}/${this.#name()}`;
  }

  #name(): string {
    return this.#random.pick(ODD);
  }

  #parameter(): string {
    const random = this.#random;
    const url = random.chance(0.5) ? random.pick(this.#subjects.urls) : random.pick(HOSTILE);
    const bytes = Buffer.from(url);
    switch (random.below(8)) {
      case 0:
        return encodeURIComponent(url.toWellFormed());
      case 1:
        return bytes.toString('base64');
      case 2:
        return encodeURIComponent(`${bytes.toString('base64')}\n`);
      case 3:
        return random.pick(ODD);
      case 4: {
        const text = bytes.toString('base64url');
        const at = random.below(text.length + 1);
        return text.slice(0, at) + random.pick(ODD) + text.slice(at);
      }
      case 5:
        return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256))).toString(
          'base64url',
        );
      default:
        return bytes.toString('base64url');
    }
  }

  #usualMethod(route: string): string {
    switch (route) {
      case 'purge':
      case 'cache':
      case 'queue':
        return 'DELETE';
      case 'dead-letters':
        return this.#random.pick(['GET', 'POST', 'DELETE']);
      case 'prefetch':
        return 'POST';
      default:
        return this.#random.pick(['GET', 'GET', 'HEAD']);
    }
  }

  #query(): string {
    const random = this.#random;
    if (random.chance(0.7)) return '';
    return `?${random.pick(['wait=0', 'wait=1', 'async=1', 'wait=x&wait=0', '%', '%00', '&&==', '?', 'a[]=b', 'wait=0&async=1'])}`;
  }

  #headers(): string[] {
    const random = this.#random;
    const lines = random.chance(0.97) ? ['Host: localhost'] : [];
    // Most requests do not wait, because otherwise few would be answered in a second.
    if (random.chance(0.7)) lines.push('Prefer: wait=0');
    if (random.chance(0.4)) lines.push(`Authorization: ${this.#authorization()}`);
    for (let count = random.below(4); count > 0; count -= 1) {
      const [name, values] = random.pick(HEADERS);
      lines.push(`${name}: ${random.pick(values)}`);
    }
    if (random.chance(0.01)) lines.push(...Array.from({ length: 300 }, (_, index) => `x-${index}: x`));
    return lines;
  }

  #authorization(): string {
    const random = this.#random;
    if (random.chance(0.7)) return `Bearer ${random.pick(this.#subjects.tokens)}`;
    return random.pick([
      'Bearer',
      'Bearer x',
      'bearer  x',
      'Basic eDp5',
      `Bearer ${'x'.repeat(9000)}`,
      'Bearer \u00e9',
      '\t',
    ]);
  }

  #body(): string {
    const random = this.#random;
    if (random.chance(0.9)) return '';
    return random.pick([
      'hello',
      '0\r\n\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
      'zz\r\n',
      '{"url":"x"}',
      '['.repeat(5000),
      '\0'.repeat(100),
    ]);
  }

  /** Truncates a request, or changes some of its bytes. */
  #broken(bytes: string): string {
    const random = this.#random;
    if (random.chance(0.3)) return bytes.slice(0, random.below(bytes.length));
    const characters = [...bytes];
    for (let count = 1 + random.below(4); count > 0; count -= 1)
      characters[random.below(characters.length)] = String.fromCharCode(random.below(256));
    return characters.join('');
  }
}
