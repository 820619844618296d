import { describe, expect, test } from 'vitest';
import { checkPattern, compilePattern, patternOpensAnyHost } from '../src/source-pattern.ts';

test.each([
  '^https://[a-z0-9-]+\\.example\\.com/',
  '^https://artifacts\\.example\\.com/',
  '^https:\\/\\/artifacts\\.example\\.com\\/',
  '^https?://127\\.0\\.0\\.1:\\d+/',
  '^http(?:s)?://127\\.0\\.0\\.1(?::[0-9]{2,5})?/',
  '^(?:http|https)://(?:a|b)\\.example/',
  '^https://\\[2606:4700::1111\\]/',
  '^https://[a-z0-9.-]+/',
  '^https://(?:[a-z0-9-]+\\.)*example\\.com/',
  '^https://a\\.example/(?:[^/]+/)*[^/]+\\.zip$',
  '^https://a\\.example/([a-z]+,){2,9}$',
  '^https://a\\.example/[^/]+/[^/]+/[^/]+/[^?]+\\?v=[0-9]+$',
  '^https://a\\.example/.*\\.tar\\.(?:gz|xz)$',
  '^https://a\\.example/.*/artifacts/.*\\.zip$',
  '^https://a\\.example/(?:builds|nightly)/.*',
  '^https://a\\.example/[a-z]{3,8}/(?:ab)+/$',
])('%s is accepted', (pattern) => {
  expect(checkPattern(pattern)).toBeNull();
});

describe('refused:', () => {
  test.each([
    ['https://a\\.example/', 'no ^'],
    ['', 'empty'],
    ['^', 'no scheme'],
    ['^.*', 'no scheme'],
    ['^ftp://a\\.example/', 'another scheme'],
    ['^http.://a\\.example/', 'a scheme that is not fixed'],
    ['^https://a\\.example', 'host without its end'],
    ['^https://a\\.example$', 'host without its end'],
    ['^https://a\\.example(?:/x)?', 'an optional end of the host'],
    ['^https://a\\.example/?x', 'an optional end of the host'],
    ['^https:///x', 'no host'],
    ['^https://.*/', 'any host'],
    ['^https://a.example/', 'a dot that matches anything'],
    ['^https://[^/]+/', 'a class that matches @ and :'],
    ['^https://[a-z@.]+/', 'a class that matches @'],
    ['^https://[a-z:0-9.]+/', 'a class that matches :'],
    ['^https://[!-~]+/', 'a range that matches /'],
    ['^https://(?:a|.*)\\.example/', 'any host in a group'],
    ['^https://u@a\\.example/', 'user information'],
    ['^https://A\\.example/', 'upper case, which normal forms do not have'],
    ['^https://a\\.example/|^https://b\\.example/', 'an alternative outside of a group'],
    ['^https://a\\.example/|x', 'an alternative that is not fixed'],
    ['^https://a\\.example/^x', 'a second ^'],
    ['^https://a\\.example/(a+)+$', 'nested repeats'],
    ['^https://a\\.example/(a*)*$', 'nested repeats'],
    ['^https://a\\.example/(a|aa)+$', 'alternatives in a repeat'],
    ['^https://a\\.example/(a?){30}$', 'optional in a repeat'],
    ['^https://a\\.example/([a-z]+,?){2,9}$', 'nested repeats with bounds'],
    ['^https://a\\.example/(a*b*)*$', 'nested repeats side by side'],
    ['^https://a\\.example/((a|b)*c?)*d', 'repeats three deep'],
    ['^https://a\\.example/(?:a?b?)*$', 'a repeat of what can be empty'],
    ['^https://a\\.example/(?:.*/)*x', 'anything in a repeat'],
    ['^https://a\\.example/.*.*.*x', 'repeats that overlap'],
    ['^https://a\\.example/a*a*a*$', 'repeats that overlap'],
    ['^https://a\\.example/.*a.*b.*c', 'repeats that overlap at a distance'],
    ['^https://a\\.example/a{0,500}a{0,500}a{0,500}b', 'bounded repeats that overlap'],
    [`^https://a\\.example/${'a?'.repeat(30)}${'a'.repeat(30)}$`, 'optional parts that overlap'],
    [`^https://a\\.example/${'(?:a|ab)'.repeat(12)}$`, 'alternatives that begin alike'],
    ['^https://a\\.example/(x)\\1', 'back-reference'],
    ['^https://a\\.example/(?=x)', 'look-ahead'],
    ['^https://a\\.example/(?!x)', 'negative look-ahead'],
    ['^https://a\\.example/(?<=x)', 'look-behind'],
    ['^https://a\\.example/(?<n>x)\\k<n>', 'named group'],
    ['^https://a\\.example/\\p{L}', 'an escape that is not ASCII'],
    ['^https://ä\\.example/', 'not ASCII'],
    ['^https://a\\.example/(x', 'an unclosed group'],
    ['^https://a\\.example/x)', 'an unmatched parenthesis'],
    ['^https://a\\.example/[x', 'an unclosed class'],
    ['^https://a\\.example/[z-a]', 'a range in the wrong order'],
    ['^https://a\\.example/*+', 'a repeat of nothing'],
    ['^https://a\\.example/x{3,2}', 'bounds in the wrong order'],
    ['^https://a\\.example/\\', 'a backslash at the end'],
    [`^https://a\\.example/${'x'.repeat(2000)}`, 'too long'],
  ])('%s (%s)', (pattern) => {
    expect(checkPattern(pattern)).toEqual(expect.any(String));
  });
});

test.each([
  ['^https://[a-z0-9.-]+/', true],
  ['^https?://[a-z0-9.-]+(?::[0-9]+)?/', true],
  ['^https?://[a-z0-9.-]+:[0-9]+/', true],
  ['^https://artifacts\\.[a-z]+/', true],
  ['^https://\\w+/', true],
  ['^https://[a-z0-9-]+\\.example\\.com/', false],
  ['^https://[a-z0-9.-]+\\.example\\.com:8443/', false],
  ['^https://(?:a|b)\\.example/', false],
  ['^http://10\\.1\\.[0-9]+\\.[0-9]+/', false],
  ['^http://127\\.0\\.0\\.1:\\d+/', false],
])('%s allows any host: %s', (pattern, expected) => {
  expect(checkPattern(pattern)).toBeNull();
  expect(patternOpensAnyHost(pattern)).toBe(expected);
});

describe('constructs that differ between dialects, or that RE2 lacks:', () => {
  test.each([
    ['^https://a\\.example/[]x]', 'matches nothing'],
    ['^https://a\\.example/(?i:x)', 'flags'],
    ['^https://a\\.example/(?P<n>x)', 'is not a regular expression: Invalid group'],
    ['^https://a\\.example/(?<n>x)', 'named groups'],
    ['^https://a\\.example/(?!x)', 'look-around'],
    ['^https://a\\.example/(?<!x)', 'look-around'],
    ['^https://a\\.example/(x)\\1', 'back-references'],
    ['^https://a\\.example/x\\b', '\\b'],
    ['^https://a\\.example/\\Qx\\E', '\\Q'],
    ['^https://a\\.example/x\\z', '\\z'],
    ['^https://a\\.example/[\\x2f]', '\\x'],
    ['^https://a\\.example/x{,3}', 'begins no count'],
    ['^https://a\\.example/x++', 'Nothing to repeat'],
    ['^https://a\\.example/x{1001}', '1000'],
    ['^https://a\\.example/x{2,1001}', '1000'],
    ['^https://a\\.example/(?:x{100}y){100}', 'too large'],
    ['^https://a\\.example/x{1000}x{1000}x{1000}x{1000}x{1000}', 'too large'],
  ])('%s is refused: %s', (pattern, fault) => {
    expect(checkPattern(pattern)).toContain(fault);
  });

  test.each([
    ['^https://a\\.example/[[:alpha:]]', ':]', true],
    ['^https://a\\.example/[[:alpha:]]', 'b', false],
    ['^https://a\\.example/[^]x', '~x', true],
    ['^https://a\\.example/x$', 'x\n', false],
    ['^https://a\\.example/[\\d-]+$', '7-7', true],
    ['^https://a\\.example/[a\\]-]+$', 'a]-', true],
    ['^https://a\\.example/[*-.]$', '-', true],
    ['^https://a\\.example/[+-.]$', '*', false],
    ['^https://a\\.example/x}]$', 'x}]', true],
    ['^https://a\\.example/\\_\\@\\ $', '_@ ', true],
  ])('%s matches as in JavaScript', (pattern, path, matches) => {
    expect(checkPattern(pattern)).toBeNull();
    expect(new RegExp(pattern).test(`https://a.example/${path}`)).toBe(matches);
    expect(compilePattern(pattern).test(`https://a.example/${path}`)).toBe(matches);
  });
});

test.each([
  ['^https://a\\.example/.*/artifacts/.*\\.zip$', '/artifacts'],
  ['^https://a\\.example/[^?]*x[^?]*y$', 'x'],
])('%s matches in time linear in the length of the URL', (pattern, unit) => {
  expect(checkPattern(pattern)).toBeNull();
  // A backtracking engine would exceed the test's time limit.
  const url = `https://a.example/${unit.repeat(2_000_000 / unit.length)}!`;
  expect(compilePattern(pattern).test(url)).toBe(false);
});
