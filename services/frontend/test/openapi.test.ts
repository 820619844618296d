import { describe, expect, test } from 'vitest';
import { openApiDocument } from '../src/openapi/document.ts';
import { ordinaryRoutes } from '../src/routes.ts';
import type { RoutesParts } from '../src/routes.ts';
import { FakeCacheManager } from './support/fake-cache-manager.ts';
import { json, SERVER, startFrontend } from './support/frontend-under-test.ts';

/** Calls on one object, which are matched on the raw path and not by the router. */
const OBJECT_CALLS = [
  'get /v1/redirect/{service}/{region}/{b64url}',
  'head /v1/redirect/{service}/{region}/{b64url}',
  'get /v1/redirect/{service}/{region}/{b64url}/{filename}',
  'head /v1/redirect/{service}/{region}/{b64url}/{filename}',
  'delete /v1/purge/{service}/{region}/{b64url}',
  'get /v1/status/{service}/{region}/{b64url}',
];

const routes = ordinaryRoutes({
  config: { server: SERVER, admin: { tokens: [] } },
  cacheManager: new FakeCacheManager(),
} as unknown as RoutesParts);
const document = openApiDocument(SERVER.publicUrl);

test('the document describes every route, and nothing else', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const served = routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  expect(described.sort()).toEqual([...served, ...OBJECT_CALLS].sort());
});

test('every path names its parameters', () => {
  for (const [path, methods] of Object.entries(document.paths))
    for (const operation of Object.values(methods) as {
      parameters?: readonly { in?: string; name?: string }[];
    }[]) {
      const named = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map(({ name }) => name);
      expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    }
});

test('every reference resolves, and operation ids are unique', () => {
  const text = JSON.stringify(document);
  for (const [, schema = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(document.components.schemas).toHaveProperty(schema);
  const identifiers = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, identifier]) => identifier);
  expect(new Set(identifiers).size).toBe(identifiers.length);
});

describe('over HTTP', () => {
  test('the document is served with the public URL', async () => {
    await using frontend = await startFrontend();
    const response = await frontend.fetch('/v1/openapi.json');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await json(response)).toMatchObject({
      openapi: '3.1.0',
      servers: [{ url: 'https://mirror.example' }],
    });
  });

  test('every documented route exists', async () => {
    await using frontend = await startFrontend();
    for (const { method, path } of routes) {
      const response = await frontend.fetch(path.replaceAll(/:service|:region|:name/g, 'x'), {
        method: method.toUpperCase(),
      });
      expect([200, 401, 404]).toContain(response.status);
      if (response.status === 404) expect(await json(response)).toMatchObject({ code: 'unknown_backend' });
      else await response.text();
    }
  });
});
