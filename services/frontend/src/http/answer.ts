import type { RequestContext } from './request-context.ts';

/** JSON that nobody may keep, unless `headers` say otherwise. Headers are set as they are, never rewritten. */
export function sendJson(
  ctx: RequestContext,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendText(ctx, status, JSON.stringify(body), {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    ...headers,
  });
}

export function sendText(
  ctx: RequestContext,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): void {
  ctx.status = status;
  for (const name in headers) ctx.res.setHeader(name, headers[name] ?? '');
  ctx.body = body;
}
