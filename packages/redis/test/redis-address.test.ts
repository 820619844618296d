import { describe, expect, test } from 'vitest';
import { parseRedisAddress, type RedisAddress } from '../src/redis-address.ts';

describe('a valid address', () => {
  const GOOD: readonly [text: string, address: RedisAddress][] = [
    ['h', { host: 'h', port: 6379 }],
    ['h:7000', { host: 'h', port: 7000 }],
    ['redis_1.internal:7000', { host: 'redis_1.internal', port: 7000 }],
    ['[::1]', { host: '::1', port: 6379 }],
    ['[2001:db8::7]:7000', { host: '2001:db8::7', port: 7000 }],
    ['redis://[fe80::1%25eth0]:7000', { host: 'fe80::1%eth0', port: 7000, tls: false }],
    ['redis://localhost:6379/0', { host: 'localhost', port: 6379, db: 0, tls: false }],
    ['REDIS://h/', { host: 'h', port: 6379, tls: false }],
    ['redis://', { host: 'localhost', port: 6379, tls: false }],
    ['redis:///3', { host: 'localhost', port: 6379, db: 3, tls: false }],
    ['rediss://h:6380/15', { host: 'h', port: 6380, db: 15, tls: true }],
    ['redis://:secret@h', { host: 'h', port: 6379, password: 'secret', tls: false }],
    ['redis://app@h', { host: 'h', port: 6379, username: 'app', tls: false }],
    ['redis://app:@h', { host: 'h', port: 6379, username: 'app', tls: false }],
    ['redis://app:a:b@h', { host: 'h', port: 6379, username: 'app', password: 'a:b', tls: false }],
    [
      'redis://a%40b:%23%2F%3F%40%25%20%C3%A9@[::1]:1/2',
      { host: '::1', port: 1, db: 2, username: 'a@b', password: '#/?@% é', tls: false },
    ],
    ['redis://app:p[w]é^"@h', { host: 'h', port: 6379, username: 'app', password: 'p[w]é^"', tls: false }],
  ];

  test.each(GOOD)('%s', (text, address) => {
    expect(parseRedisAddress(text)).toEqual({ ok: true, address });
  });

  test('gets the default port of its kind of server if it names none', () => {
    expect(parseRedisAddress('h', { defaultPort: 26_379 })).toMatchObject({ address: { port: 26_379 } });
  });
});

describe('an invalid address', () => {
  const BAD: readonly [text: string, found: RegExp, remedy: RegExp][] = [
    ['redis://:S3cr3t%dEf@h', /not UTF-8/, /%25/],
    ['redis://:S3cr3t%4@h', /% that begins no escape/, /%25/],
    ['redis://:S3cr3t%@h', /% that begins no escape/, /%25/],
    ['redis://:S3cr3t%E9@h', /not UTF-8/, /UTF-8/],
    ['redis://app:S3cr3t#abc@h', /unescaped #/, /%23 .*entries\.password/],
    ['redis://app:S3cr3t/abc@h', /unescaped \//, /%2F .*entries\.password/],
    ['redis://app:S3cr3t?abc@h', /unescaped \?/, /%3F .*entries\.password/],
    ['redis://app:S3cr3t@abc@h', /several @/, /%40/],
    ['redis://app:S3cr3t@h/1@2', /several @/, /%40/],
    ['redis://app:123#S3cr3t', /a #/, /%23/],
    ['redis://app:123/S3cr3t', /path that is not one number/, /%2F/],
    ['redis://app:S3cr3t', /invalid port/, /1 to 65535.*user:password@host/],
    ['redis://h/cache/1', /path that is not one number/, /\/N/],
    ['redis://h/cache', /path that is not one number/, /\/N/],
    ['redis://h/1/', /path that is not one number/, /\/N/],
    ['redis://h/-1', /path that is not one number/, /\/N/],
    ['redis://h/99999999999', /path that is not one number/, /\/N/],
    ['redis://h?db=3', /a query/, /entries\.db/],
    ['redis://h/0?connectTimeout=1', /a query/, /entries\.commandTimeoutMs/],
    ['redis://h/0?', /a query/, /entries\.db/],
    ['redis://h/0#1', /a #/, /none/],
    ['http://h', /another scheme/, /redis:\/\//],
    ['redis+tls://h', /another scheme/, /rediss:\/\//],
    ['redis:h', /scheme without \/\//, /redis:\/\//],
    ['unix:///var/run/redis.sock', /unix socket/, /host:port/],
    ['redis+unix://h', /unix socket/, /host:port/],
    ['redis-socket:///x', /unix socket/, /host:port/],
    ['/var/run/redis.sock', /a path/, /host:port/],
    ['redis://::1:6379', /several colons/, /\[::1\]/],
    ['::1', /several colons/, /\[::1\]/],
    ['redis://[::g]', /without an IPv6 address/, /\[::1\]/],
    ['redis://[127.0.0.1]', /without an IPv6 address/, /\[::1\]/],
    ['redis://[::1', /bracket/, /\[::1\]/],
    ['redis://[::1]6379', /port/, /1 to 65535/],
    ['redis://h:', /port/, /1 to 65535/],
    ['redis://h:0', /port/, /1 to 65535/],
    ['redis://h:65536', /port/, /1 to 65535/],
    ['redis://:S3cr3t@', /no host/, /name or address/],
    ['', /no host/, /name or address/],
    [':6379', /no host/, /name or address/],
    ['redis://h h', /white space/, /%20/],
    ['redis://app:S3 cr3t@h', /white space/, /%20/],
    ['redis://h\n', /white space/, /none/],
    ['redis://bücher', /invalid host name/, /xn--/],
    ['redis://%68ost', /invalid host name/, /ASCII/],
  ];

  test.each(BAD)('%j is refused with %s', (text, found, remedy) => {
    const result = parseRedisAddress(text);
    expect(result).toMatchObject({ ok: false });
    if (result.ok) return;
    expect(result.fault.found).toMatch(found);
    expect(result.fault.expected).toMatch(remedy);
    expect(JSON.stringify(result)).not.toMatch(/S3 ?cr3t|abc/);
  });
});
