import { describe, expect, test } from 'vitest';
import { normalizeOriginUrl, OriginUrlError, resolveLocation } from '../src/normal-form.ts';
import { urlForLog } from '../src/log-form.ts';

describe('the normal form of an origin URL', () => {
  test.each([
    ['HTTPS://Example.COM', 'https://example.com/'],
    ['https://example.com:443/a', 'https://example.com/a'],
    ['http://example.com:443/a', 'http://example.com:443/a'],
    ['https://example.com/a#fragment', 'https://example.com/a'],
    ['https://example.com/a#', 'https://example.com/a'],
    ['https://example.com./a', 'https://example.com/a'],
    ['https://example.com.:8443/a', 'https://example.com:8443/a'],
    ['https://127.0.0.1./', 'https://127.0.0.1/'],
    ['https://faß.example/', 'https://xn--fa-hia.example/'],
    ['https://ＥＸＡＭＰＬＥ.com/', 'https://example.com/'],
    ['https://example.com/a/../b', 'https://example.com/b'],
    ['https://example.com/%7Ea/%2f?b=2&a=1&', 'https://example.com/%7Ea/%2f?b=2&a=1&'],
    ['https://example.com/a?', 'https://example.com/a?'],
    ['https://example.com/é', 'https://example.com/%C3%A9'],
    ['https://example.com/%0d%0aHost:%20x', 'https://example.com/%0d%0aHost:%20x'],
    ['http://2130706433/', 'http://127.0.0.1/'],
    ['http://0251.0376.0251.0376/', 'http://169.254.169.254/'],
    ['http://①②⑦.⓪.⓪.①/', 'http://127.0.0.1/'],
    ['http://[0:0::1]/', 'http://[::1]/'],
  ])('of %s is %s', (text, expected) => {
    expect(normalizeOriginUrl(text).href).toBe(expected);
    expect(normalizeOriginUrl(expected).href).toBe(expected);
  });

  test.each([
    ['', 'url_not_decodable'],
    ['example.com/a', 'url_not_decodable'],
    [' https://example.com/', 'url_not_decodable'],
    ['https://example.com/a b', 'url_not_decodable'],
    ['https://exa\tmple.com/', 'url_not_decodable'],
    ['https://example.com/\u0000', 'url_not_decodable'],
    ['https://example.com/\u0085', 'url_not_decodable'],
    ['\uFEFFhttps://example.com/', 'url_not_decodable'],
    ['https://example.com/\u00a0', 'url_not_decodable'],
    ['https://evil.test\\.example.com/', 'url_not_decodable'],
    ['https://example.com/\ud800', 'url_not_decodable'],
    ['http://256.0.0.1/', 'url_not_decodable'],
    ['http://[fe80::1%25eth0]/', 'url_not_decodable'],
    ['http://[::1]example.com/', 'url_not_decodable'],
    ['http://127.0.0.1%2f.example.com/', 'url_not_decodable'],
    ['http://example.com／evil.test/', 'url_not_decodable'],
    ['https://example.com:443.evil.test/', 'url_not_decodable'],
    ['https://example.com:-1/', 'url_not_decodable'],
    ['http://?', 'url_not_decodable'],
    ['http://../', 'url_host'],
    ['http://a..b/', 'url_host'],
    ['http://example.com../', 'url_host'],
    [`http://${'a'.repeat(64)}.test/`, 'url_host'],
    [`http://${Array(5).fill('a'.repeat(60)).join('.')}.test/`, 'url_host'],
    ['file:///etc/passwd', 'url_scheme'],
    ['ftp://example.com/', 'url_scheme'],
    ['gopher://127.0.0.1:6379/_FLUSHALL', 'url_scheme'],
    ['javascript:fetch(1)', 'url_scheme'],
    ['jar:http://127.0.0.1!/x', 'url_scheme'],
    ['http+unix://%2Fvar%2Frun%2Fdocker.sock/info', 'url_scheme'],
    ['data:text/plain,x', 'url_scheme'],
  ])('does not exist for %j: %s', (text, code) => {
    expect(() => normalizeOriginUrl(text)).toThrow(OriginUrlError);
    expect(() => normalizeOriginUrl(text)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('a redirect target', () => {
  const base = new URL('https://example.com/a/b?c');

  test.each([
    ['d', 'https://example.com/a/d'],
    ['/d#x', 'https://example.com/d'],
    ['//other.test./d', 'https://other.test/d'],
    ['?e', 'https://example.com/a/b?e'],
    ['/\\127.0.0.1/', 'https://127.0.0.1/'],
    [Buffer.from('http://１２７.0.0.1/').toString('latin1'), 'http://127.0.0.1/'],
    [Buffer.from('/é').toString('latin1'), 'https://example.com/%C3%A9'],
    ['/b/caf\u00e9.zip', 'https://example.com/b/caf%E9.zip'],
    ['/\u00c3\u00a9/\u00e9', 'https://example.com/%C3%A9/%E9'],
    ['/?q=\u00e9&r=\u00c3\u00a9', 'https://example.com/?q=%E9&r=%C3%A9'],
    ['d\u0080\u0085\u009f\u00a0\u00ff', 'https://example.com/a/d%80%85%9F%A0%FF'],
    ['/%e9%C3%A9%\u00e9%zz', 'https://example.com/%e9%C3%A9%%E9%zz'],
    // An encoded surrogate, an overlong slash and the Euro sign in Windows-1252: none of them is valid UTF-8.
    ['/\u00ed\u00a0\u0080', 'https://example.com/%ED%A0%80'],
    ['/\u00c0\u00af..', 'https://example.com/%C0%AF..'],
    ['/\u0080', 'https://example.com/%80'],
    [Buffer.from('/😀?😀#😀').toString('latin1'), 'https://example.com/%F0%9F%98%80?%F0%9F%98%80'],
    [Buffer.from('http://bücher.test/ü').toString('latin1'), 'http://xn--bcher-kva.test/%C3%BC'],
    ['gopher://127.0.0.1/', 'gopher://127.0.0.1/'],
    ['file:///etc/passwd', 'file:///etc/passwd'],
    ['mailto:a@b.test', 'mailto:a@b.test'],
  ])('%j is resolved as browsers and curl resolve it', (location, expected) => {
    expect(resolveLocation(location, base).href).toBe(expected);
  });

  test.each(['', '  ', 'http://[::1', 'http://256.0.0.1/', 'http://b\u00fccher.test/'])(
    '%j is refused',
    (location) => {
      expect(() => resolveLocation(location, base)).toThrow(OriginUrlError);
    },
  );
});

test('logs show the host and path of a URL, without its query and credentials', () => {
  expect(urlForLog(new URL('https://user:secret@example.com:8443/a/b?token=secret#secret'))).toBe(
    'example.com:8443/a/b',
  );
  expect(urlForLog(new URL(`https://example.com/${'a'.repeat(5000)}`)).length).toBeLessThan(600);
});
