import { describe, expect, test } from 'vitest';
import { checkProxy, isExempt, parseProxy, proxyAuthorization, proxyFor } from '../src/proxy-choice.ts';

describe('NO_PROXY', () => {
  test.each<[string, string, boolean]>([
    ['', 'https://origin.test/', false],
    ['*', 'https://origin.test/', true],
    ['origin.test', 'https://origin.test/', true],
    ['ORIGIN.test', 'https://origin.test/', true],
    ['origin.test', 'https://cdn.origin.test/', true],
    ['.origin.test', 'https://cdn.origin.test/', true],
    ['.origin.test', 'https://origin.test/', true],
    ['*.origin.test', 'https://cdn.origin.test/', true],
    ['origin.test', 'https://evil-origin.test/', false],
    ['origin.test', 'https://origin.test.evil.test/', false],
    ['a.test, b.test', 'https://b.test/', true],
    ['a.test b.test', 'https://b.test/', true],
    [' ,, ', 'https://b.test/', false],
    ['origin.test:8443', 'https://origin.test:8443/', true],
    ['origin.test:8443', 'https://origin.test/', false],
    ['origin.test:443', 'https://origin.test/', true],
    ['origin.test:80', 'http://origin.test/', true],
    ['10.0.0.0/8', 'http://10.1.2.3/', true],
    ['10.0.0.0/8', 'http://11.1.2.3/', false],
    ['10.0.0.0/8', 'http://origin.test/', false],
    ['10.0.0.0/99', 'http://10.1.2.3/', false],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['192.0.2.1', 'http://192.0.2.1/', true],
    ['2.1', 'http://192.0.2.1/', false],
    ['::1', 'http://[0:0::1]/', true],
    ['[fd00::1]:8080', 'http://[fd00::1]:8080/', true],
    ['[fd00::1]', 'http://[fd00::1]/', true],
  ])('%j exempts %s: %s', (noProxy, url, expected) => {
    expect(isExempt(new URL(url), noProxy)).toBe(expected);
  });
});

describe('the proxy of a URL', () => {
  const http = new URL('http://proxy.test:3128');
  const https = new URL('http://proxy.test:3129');

  test.each<[string, URL | null]>([
    ['http://origin.test/', http],
    ['https://origin.test/', https],
    ['https://exempt.test/', null],
    ['http://localhost:9000/', null],
    ['http://a.localhost/', null],
    ['http://127.0.0.1/', null],
    ['http://127.9.9.9/', null],
    ['http://[::1]/', null],
    ['http://10.0.0.1/', http],
  ])('%s', (url, expected) => {
    expect(proxyFor(new URL(url), { http, https, noProxy: 'exempt.test' })).toBe(expected);
  });

  test('is null without settings, or without a proxy for its scheme', () => {
    expect(proxyFor(new URL('https://origin.test/'), undefined)).toBeNull();
    expect(proxyFor(new URL('http://origin.test/'), { http: null, https, noProxy: '' })).toBeNull();
  });
});

describe('the address of a proxy', () => {
  test.each([
    ['proxy.test:3128', 'http://proxy.test:3128/'],
    ['http://proxy.test', 'http://proxy.test/'],
    ['https://user:p%40ss@proxy.test:3128/', 'https://user:p%40ss@proxy.test:3128/'],
    ['[::1]:3128', 'http://[::1]:3128/'],
  ])('may be %s', (text, expected) => {
    expect(checkProxy(text)).toBeNull();
    expect(parseProxy(text).href).toBe(expected);
  });

  test.each([
    '',
    ' ',
    'socks5://proxy.test',
    'http://',
    'http://proxy.test/path',
    'http://proxy.test/?x',
    'http://a b',
    'ftp://proxy.test',
    'http://secret%zz:x@proxy.test',
  ])('must not be %j, and the error does not quote it', (text) => {
    const fault = checkProxy(text);
    expect(fault).not.toBeNull();
    expect(JSON.stringify(fault)).not.toContain('secret');
    expect(() => parseProxy(text)).toThrow(TypeError);
  });

  test.each<[string, string | null]>([
    ['http://proxy.test', null],
    ['http://user:p%40ss@proxy.test', `Basic ${Buffer.from('user:p@ss').toString('base64')}`],
    ['http://user@proxy.test', `Basic ${Buffer.from('user:').toString('base64')}`],
    ['http://us%C3%A9r:@proxy.test', `Basic ${Buffer.from('usér:').toString('base64')}`],
  ])('%s sets Proxy-Authorization to %s', (text, expected) => {
    expect(proxyAuthorization(new URL(text))).toBe(expected);
  });
});
