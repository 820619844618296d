import { sendText } from '@cloud-mirror/http-service';
import type { Endpoint } from '../request-context.ts';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Cloud Mirror</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem }</style>
<h1>Cloud Mirror</h1>
<p>Redirects each client to a copy of an immutable artifact in its own region, and makes that copy when there is none.</p>
<pre>GET /v1/redirect/&lt;service&gt;/&lt;region&gt;/&lt;base64url of the artifact's URL&gt;</pre>
<ul>
<li><a href="/v1/backends">Services and regions</a></li>
<li><a href="/readyz">Readiness</a></li>
<li><a href="/metrics">Metrics</a></li>
<li><a href="/v1/openapi.json">OpenAPI description</a></li>
</ul>
</html>
`;

/** `GET /`: explains the service to people who find its address in a log. */
export const frontPage: Endpoint = (ctx) => {
  sendText(ctx, 200, PAGE, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-cache',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  });
};
