import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderHaproxyConfig } from '@cloud-mirror/edge-config';
import type { Instance } from '@cloud-mirror/registry/instance';
import { instanceOf, sectionOf, SETTINGS } from './instances.ts';

const NO_TEMPLATES = new Map<string, string>();

function render(instances: readonly Instance[], templates: ReadonlyMap<string, string> = NO_TEMPLATES) {
  return renderHaproxyConfig(instances, templates, SETTINGS);
}

function serversOf(text: string, backend: string): string[] {
  return sectionOf(text, `backend ${backend}`).filter((line) => line.startsWith('server '));
}

/** An app of one instance with these labels. */
function labelled(labels: Readonly<Record<string, string>>, app = 'a'): Instance {
  return instanceOf({ app, id: `${app}1`, labels });
}

describe('which apps are published', () => {
  test.each([
    ['without labels', {}, false],
    ['with labels of something else', { team: 'x', HAPROXY: 'x' }, false],
    ['with a group', { HAPROXY_GROUP: 'external' }, true],
    ['with a label of a port', { HAPROXY_0_MODE: 'http' }, true],
    ['with a port that is not enabled', { HAPROXY_GROUP: 'external', HAPROXY_0_ENABLED: 'false' }, false],
  ])('an app %s', (_, labels, isPublished) => {
    const { text, faults } = render([labelled(labels)]);
    expect(text.includes('backend a_0')).toBe(isPublished);
    expect(faults).toEqual([]);
  });

  test('groups narrow it to apps of one of these groups', () => {
    const instances = [
      labelled({ HAPROXY_GROUP: 'internal,external' }, 'a'),
      labelled({ HAPROXY_GROUP: 'internal', HAPROXY_0_PORT: '81' }, 'b'),
      labelled({ HAPROXY_0_PORT: '82' }, 'c'),
    ];
    const { backends } = renderHaproxyConfig(instances, NO_TEMPLATES, { ...SETTINGS, groups: ['external'] });
    expect(backends.map(({ name }) => name)).toEqual(['a_0']);
  });

  test('a group publishes all ports of an app, labels of a port publish that one alone', () => {
    const ports = [
      { name: 'http', port: 31_000, servicePort: 8080 },
      { name: 'private', port: 31_001, servicePort: 8081 },
    ];
    const names = (labels: Record<string, string>) =>
      render([instanceOf({ app: 'a', id: 'a1', ports, labels })]).backends.map(({ name }) => name);
    expect(names({ HAPROXY_GROUP: 'x' })).toEqual(['a_0', 'a_1']);
    expect(names({ HAPROXY_0_PORT: '80' })).toEqual(['a_0']);
  });

  test('the labels of the newest start count, and of the smallest id among those', () => {
    const at = (id: string, startedAt: string, port: string) =>
      instanceOf({ app: 'a', id, startedAt, labels: { HAPROXY_0_PORT: port } });
    const { text } = render([
      at('b', '2026-01-02T00:00:00.000Z', '82'),
      at('a', '2026-01-02T00:00:00.000Z', '81'),
      at('c', '2026-01-01T00:00:00.000Z', '83'),
    ]);
    expect(sectionOf(text, 'frontend a_0')).toContain('bind 127.0.0.1:81');
  });
});

describe('servers', () => {
  const states: readonly (readonly [string, Partial<Instance>])[] = [
    ['healthy', {}],
    ['unhealthy', { healthy: false, why: 'x' }],
    ['draining', { state: 'draining' }],
    ['starting', { state: 'starting' }],
  ];
  const instances = states.map(([id, changes], index) =>
    instanceOf({
      app: 'a',
      id,
      ports: [{ name: 'http', port: 31_000 + index, servicePort: 8080 }],
      ...changes,
    }),
  );

  test('only instances that run and are healthy get requests', () => {
    const { text, backends } = render(instances);
    expect(serversOf(text, 'a_0')).toEqual(['server healthy 127.0.0.1:31000 check inter 1s fall 2 rise 2']);
    expect(backends[0]?.leaving).toEqual(['unhealthy', 'draining', 'starting']);
  });

  test('if none is healthy, those that run stay', () => {
    const { backends } = render(instances.slice(1));
    expect(backends[0]?.servers.map(({ name }) => name)).toEqual(['unhealthy']);
  });

  test('an app whose instances all drain keeps its front end', () => {
    const { text } = render(instances.slice(2));
    expect(sectionOf(text, 'frontend a_0')).toContain('bind 127.0.0.1:8080');
    expect(serversOf(text, 'a_0')).toEqual([]);
  });

  test('of instances with one address, the newest is the server', () => {
    const { backends } = render([
      instanceOf({ app: 'a', id: 'z', startedAt: '2026-01-01T00:00:00.000Z' }),
      instanceOf({ app: 'a', id: 'b', startedAt: '2026-01-02T00:00:00.000Z' }),
    ]);
    expect(backends[0]?.servers.map(({ name }) => name)).toEqual(['b']);
  });

  test.each([
    'a b',
    'x\n  server evil 6.6.6.6:80',
    '127.0.0.1 disabled',
    '127.1',
    'fe80::1%lo',
    '/tmp/s',
    '',
  ])('an instance whose host is %j is left out and named, the others stay', (host) => {
    const { text, backends, faults } = render([
      instanceOf({ app: 'a', id: '1' }),
      instanceOf({ app: 'a', id: '2', host }),
    ]);
    expect(backends[0]?.servers.map(({ name }) => name)).toEqual(['1']);
    expect(faults).toEqual([
      { app: 'a', reason: 'the instance "2" is left out: its host is neither a name nor an IP address' },
    ]);
    expect(text).not.toContain('evil');
  });

  test('an id that HAProxy does not allow becomes a digest of it', () => {
    const { backends } = render([instanceOf({ app: 'a', id: 'x y\n' })]);
    expect(backends[0]?.servers[0]?.name).toMatch(/^x[0-9a-f]{26}$/);
  });
});

describe('labels', () => {
  test.each([
    ['PORT', '81', 'frontend a_0', 'bind 127.0.0.1:81'],
    ['BIND_ADDR', '*', 'frontend a_0', 'bind *:8080'],
    ['BIND_ADDR', '::1', 'frontend a_0', 'bind [::1]:8080'],
    ['MODE', 'tcp', 'backend a_0', 'mode tcp'],
    ['BALANCE', 'leastconn', 'backend a_0', 'balance leastconn'],
    ['BALANCE', 'source', 'backend a_0', 'hash-type consistent'],
    ['STICKY', 'true', 'backend a_0', 'stick on src'],
    ['SSL_CERT', '/etc/a.pem', 'frontend a_0', 'bind 127.0.0.1:8080 ssl crt /etc/a.pem alpn h2,http/1.1'],
    [
      'PATH',
      '/x/',
      'frontend a_0',
      'http-request return status 404 unless { path -m str /x } or { path -m beg /x/ }',
    ],
    [
      'VHOST',
      'B.example, a.example',
      'frontend cloud_mirror_http',
      'use_backend a_0 if { var(txn.cloud_mirror_host) -m str a.example b.example }',
    ],
  ])('HAPROXY_0_%s: %s is in the section %s', (key, value, section, line) => {
    const { text, faults } = render([labelled({ [`HAPROXY_0_${key}`]: value })]);
    expect(faults).toEqual([]);
    expect(sectionOf(text, section)).toContain(line);
  });

  test('what every backend over HTTP has', () => {
    const { text } = render([labelled({ HAPROXY_GROUP: 'x' })]);
    expect(sectionOf(text, 'backend a_0')).toEqual(
      expect.arrayContaining([
        'option redispatch',
        'retries 3',
        'retry-on conn-failure empty-response',
        'http-request disable-l7-retry if METH_POST',
        'option forwardfor',
      ]),
    );
    expect(sectionOf(text, 'frontend a_0')).toContain('option idle-close-on-response');
  });

  test('paths of one host go to their apps, the heaviest first, then the longest', () => {
    const vhost = { HAPROXY_0_VHOST: 'h.example' };
    const { text } = render([
      labelled(vhost, 'a'),
      labelled({ ...vhost, HAPROXY_0_PATH: '/x' }, 'b'),
      labelled({ ...vhost, HAPROXY_0_PATH: '/x/y' }, 'c'),
      labelled({ ...vhost, HAPROXY_0_PATH: '/z', HAPROXY_0_BACKEND_WEIGHT: '5' }, 'd'),
    ]);
    const rules = sectionOf(text, 'frontend cloud_mirror_http').filter((line) => line.startsWith('use_'));
    expect(rules.map((rule) => rule.split(' ')[1])).toEqual(['d_0', 'c_0', 'b_0', 'a_0']);
  });

  test('an app redirects to HTTPS at the port that serves it', () => {
    const labels = {
      HAPROXY_0_VHOST: 'h.example',
      HAPROXY_0_REDIRECT_TO_HTTPS: 'true',
      HAPROXY_0_SSL_CERT: '/c.pem',
    };
    const text = renderHaproxyConfig([labelled(labels)], NO_TEMPLATES, { ...SETTINGS, httpsPort: 8443 }).text;
    expect(sectionOf(text, 'frontend cloud_mirror_https')).toContain(
      'bind *:8443 ssl crt /c.pem alpn h2,http/1.1',
    );
    expect(sectionOf(text, 'frontend cloud_mirror_http')).toContain(
      'http-request redirect location https://%[var(txn.cloud_mirror_host)]:8443%[pathq] code 301 if ' +
        '{ var(txn.cloud_mirror_host) -m str h.example }',
    );
  });

  test.each([
    ['HAPROXY_0_PORT', '0'],
    ['HAPROXY_0_PORT', '65536'],
    ['HAPROXY_0_PORT', '80\n  bind *:22'],
    ['HAPROXY_0_MODE', 'ftp'],
    ['HAPROXY_0_BALANCE', 'url_param id'],
    ['HAPROXY_0_VHOST', 'a b'],
    ['HAPROXY_0_VHOST', 'a.example }\nglobal'],
    ['HAPROXY_0_VHOST', ','],
    ['HAPROXY_0_PATH', 'x'],
    ['HAPROXY_0_PATH', '/x y'],
    ['HAPROXY_0_PATH', '/x"'],
    ['HAPROXY_0_PATH', '/${HOME}'],
    ['HAPROXY_0_STICKY', 'maybe'],
    ['HAPROXY_0_ENABLED', 'on\n'],
    ['HAPROXY_0_SSL_CERT', 'relative.pem'],
    ['HAPROXY_0_SSL_CERT', '/a.pem ca-file /b'],
    ['HAPROXY_0_BIND_ADDR', 'eth0'],
    ['HAPROXY_0_BIND_ADDR', '*:80 ssl'],
    ['HAPROXY_0_BACKEND_WEIGHT', '-1'],
    ['HAPROXY_0_REDIRECT_TO_HTTPS', 'true'],
    ['HAPROXY_0_AUTH', 'realm:user:password'],
    ['HAPROXY_7_PORT', '80'],
    ['HAPROXY_GROUP', 'a b'],
    ['HAPROXY_X', 'y'],
  ])('an app with %s: %j is left out and named, the others follow', (label, value) => {
    const faulty = labelled({ HAPROXY_GROUP: 'x', HAPROXY_0_PORT: '81', [label]: value }, 'faulty');
    const { text, faults } = render([faulty, labelled({ HAPROXY_GROUP: 'x' }, 'z')]);
    expect(faults.map(({ app }) => app)).toEqual(['faulty']);
    expect(faults[0]?.reason).toMatch(/^[\x20-\x7e…]+$/);
    expect(text).not.toContain('faulty');
    expect(text).toContain('backend z_0');
  });

  test.each([['a b'], ['a\nglobal'], ['/group/app'], [''], ['é']])('an app named %j is left out', (app) => {
    const { backends, faults } = render([labelled({ HAPROXY_GROUP: 'x' }, app)]);
    expect(backends).toEqual([]);
    expect(faults).toHaveLength(1);
  });

  test('whatever a label, a host, an id or a name is, it adds no line', () => {
    const known = render([labelled({ HAPROXY_GROUP: 'x' })]).text;
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .constantFrom('\n', '\r', '\u0085', '\u2028', ' ', '#', '"', "'", '\\', '$', '{', '}', 'a', '/')
        .chain((one) => fc.string().map((rest) => one + rest)),
    );
    const key = fc.constantFrom(
      'VHOST',
      'PATH',
      'PORT',
      'MODE',
      'BALANCE',
      'SSL_CERT',
      'BIND_ADDR',
      'STICKY',
    );
    fc.assert(
      fc.property(key, text, text, text, (name, value, host, id) => {
        const instance = instanceOf({ app: 'a', id, host, labels: { [`HAPROXY_0_${name}`]: value } });
        const { text: rendered } = render([instance]);
        expect(rendered).toMatch(/^[\x20-\x7e\n]*$/);
        expect(rendered).not.toMatch(/["'\\#$]/);
      }),
    );
    expect(known).not.toMatch(/["'\\#$]/);
  });
});

describe('conflicts', () => {
  test.each([
    ['one port', { HAPROXY_0_PORT: '80' }, { HAPROXY_0_PORT: '80' }, /127\.0\.0\.1:80 is taken by the app a/],
    ['one service port', { HAPROXY_GROUP: 'x' }, { HAPROXY_GROUP: 'x' }, /:8080 is taken by the app a/],
    [
      'one port, once on all addresses',
      { HAPROXY_0_PORT: '81', HAPROXY_0_BIND_ADDR: '*' },
      { HAPROXY_0_PORT: '81', HAPROXY_0_BIND_ADDR: '127.0.0.2' },
      /127\.0\.0\.2:81 is taken by the app a/,
    ],
    [
      'one host name',
      { HAPROXY_0_VHOST: 'x.example,h.example' },
      { HAPROXY_0_VHOST: 'H.example' },
      /the host name h\.example is taken by the app a/,
    ],
  ])('two apps that want %s: the first by id has it', (_, first, second, reason) => {
    const { backends, faults } = render([labelled(second, 'b'), labelled(first, 'a')]);
    expect(backends.map(({ name }) => name)).toEqual(['a_0']);
    expect(faults).toEqual([{ app: 'b', reason: expect.stringMatching(reason) as string }]);
  });

  test('apps with host names share a service port, which the first by id has', () => {
    const { text, faults } = render([
      labelled({ HAPROXY_0_VHOST: 'a.example' }, 'a'),
      labelled({ HAPROXY_0_VHOST: 'b.example' }, 'b'),
    ]);
    expect(faults).toEqual([]);
    expect(text.match(/^frontend .*$/gm)).toEqual(['frontend cloud_mirror_http', 'frontend a_0']);
    expect(text.match(/^backend .*$/gm)).toEqual(['backend a_0', 'backend b_0']);
  });

  test('an app that is left out takes nothing from the next', () => {
    const taken = { HAPROXY_0_PORT: '80' };
    const ports = [80, 81].map((port) => ({ name: 'http', port, servicePort: port }));
    const { backends } = render([
      labelled(taken, 'a'),
      instanceOf({ app: 'b', id: 'b', ports, labels: { HAPROXY_0_PORT: '82', HAPROXY_1_PORT: '80' } }),
      labelled({ HAPROXY_0_PORT: '82' }, 'c'),
    ]);
    expect(backends.map(({ app }) => app)).toEqual(['a', 'c']);
  });

  test('a port that a template or the front end of host names binds is taken', () => {
    const templates = new Map([['stats', 'listen stats\n  bind 127.0.0.1:9999\n']]);
    const { faults } = render(
      [
        labelled({ HAPROXY_0_PORT: '9999' }, 'a'),
        labelled({ HAPROXY_0_PORT: '80' }, 'b'),
        labelled({ HAPROXY_0_VHOST: 'c.example' }, 'c'),
      ],
      templates,
    );
    expect(faults.map(({ app, reason }) => `${app}: ${reason}`)).toEqual([
      expect.stringMatching(/^a: .*taken by the template stats/),
      expect.stringMatching(/^b: .*taken by the front end of host names/),
    ]);
  });
});

describe('templates', () => {
  const templates = new Map([
    ['z', 'listen z\n  bind 127.0.0.1:1'],
    ['HAPROXY_HEAD', 'global\n  maxconn 7\n\ndefaults\n  timeout connect 1s'],
    ['HAPROXY_HTTP_FRONTEND_HEAD', 'frontend web\n  http-request deny if { path /no }\n'],
    ['HAPROXY_HTTPS_FRONTEND_HEAD', 'frontend tls\n  bind *:443 ssl crt /etc/all.pem\n'],
    ['a', 'listen a\n  bind 127.0.0.1:2\n'],
  ]);

  test('static sections come first and stay when every app is gone', () => {
    const { text } = render([], templates);
    expect(text.match(/^\S.*$/gm)).toEqual([
      'global',
      'defaults',
      'global',
      'listen a',
      'listen z',
      'frontend web',
      'frontend tls',
    ]);
    expect(text).not.toContain('hard-stop-after');
    expect(sectionOf(text, 'frontend web')).toContain('bind *:80');
    expect(sectionOf(text, 'frontend tls').filter((line) => line.startsWith('bind'))).toEqual([
      'bind *:443 ssl crt /etc/all.pem',
    ]);
  });

  test('the socket of the Runtime API is there whatever the head says', () => {
    for (const some of [NO_TEMPLATES, templates])
      expect(render([], some).text).toContain(
        '  stats socket unix@data/haproxy.sock mode 600 level admin expose-fd listeners\n',
      );
  });

  test('the order of instances and templates changes no byte', () => {
    const instances = ['b', 'a', 'c'].flatMap((app, index) =>
      [2, 1].map((n) =>
        instanceOf({
          app,
          id: `${app}${n}`,
          ports: [{ name: 'http', port: 31_000 + n, servicePort: 8080 + index }],
        }),
      ),
    );
    const reversed = new Map([...templates].reverse());
    expect(render([...instances].reverse(), reversed).text).toBe(render(instances, templates).text);
  });

  test('the structure changes with everything but servers', () => {
    const one = render([labelled({ HAPROXY_GROUP: 'x' })]);
    const two = render([
      labelled({ HAPROXY_GROUP: 'x' }),
      instanceOf({ app: 'a', id: 'a2', host: '127.0.0.2' }),
    ]);
    expect(two.structure).toBe(one.structure);
    expect(two.text).not.toBe(one.text);
    expect(one.text).toContain(`  description ${one.structure}\n`);
    expect(render([labelled({ HAPROXY_GROUP: 'x', HAPROXY_0_BALANCE: 'leastconn' })]).structure).not.toBe(
      one.structure,
    );
    expect(render([labelled({ HAPROXY_GROUP: 'x' })], templates).structure).not.toBe(one.structure);
    const named = instanceOf({ app: 'a', id: 'a2', host: 'host.example' });
    expect(render([labelled({ HAPROXY_GROUP: 'x' }), named]).structure).not.toBe(one.structure);
  });
});
