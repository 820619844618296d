import { createHash } from 'node:crypto';
import type { SentRoute } from '@cloud-mirror/storage-routes';
import { markup, Markup } from '../../markup.ts';
import { hostAndPort } from '../endpoints-line.ts';
import type { RouterInstance } from '../endpoints-line.ts';
import type { FormValues } from '../sent-change.ts';
import { STYLE } from './style.ts';

export interface ShownRoute {
  readonly path: string;
  /** Its credentials are masked. */
  readonly masked: SentRoute;
  /** Whether only this instance has it. */
  readonly inMemory: boolean;
  /** Why requests to it fail; null if nothing is known against it. */
  readonly fault: string | null;
}

export interface ShownPage {
  /** null for clients that may not see them. */
  readonly routes: readonly ShownRoute[] | null;
  readonly instances: readonly RouterInstance[];
  /** The back ends of the configuration file. */
  readonly stores?: readonly string[];
  /** Whether the store of the routes cannot be read. */
  readonly degraded?: boolean;
  /** What was wrong with the form. */
  readonly fault?: string;
  /** What was in the form. */
  readonly values?: FormValues;
}

/** For pages of 10,000 routes: the rest is in the JSON. */
const MOST_ROWS = 1_000;

export function pageHeaders(): Readonly<Record<string, string>> {
  const styleHash = createHash('sha256').update(STYLE).digest('base64');
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    // A form's Origin would be null under `no-referrer`: https://fetch.spec.whatwg.org/#append-a-request-origin-header
    'Referrer-Policy': 'same-origin',
  };
}

/** The page at `/`. It works without scripts. */
export function routesPage(page: ShownPage): string {
  const { routes, fault, degraded = false } = page;
  const faultNotice = fault === undefined ? null : markup`<p class="notice fault" role="alert">${fault}</p>`;
  const degradedNotice = degraded ? markup`<p class="notice">${DEGRADED}</p>` : null;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Storage routes · Cloud Mirror</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>Storage routes</h1>
${faultNotice}
${degradedNotice}
${routes === null ? SIGN_IN : managed(routes, page)}
<h2>Instances</h2>
${instanceTable(page.instances)}
</main>
</body>
</html>
`.text;
}

const DEGRADED =
  'Degraded: the store of the routes cannot be read. The last good routes are in force and cannot be changed now.';
const SIGN_IN = markup`<p><a href="/?sign-in">Sign in</a> to see and change the routes. The password is a token with the scope <code>routes</code>.</p>`;
const NO_ROUTES = markup`<p>There are no routes. Requests for objects are answered with 503 until you add one.</p>`;

function managed(routes: readonly ShownRoute[], page: ShownPage): Markup {
  const more = routes.length - MOST_ROWS;
  const moreNote = more > 0 ? markup`<p>And ${more} more: request <code>application/json</code>.</p>` : null;
  return markup`${routes.length === 0 ? NO_ROUTES : routeTable(routes.slice(0, MOST_ROWS))}
${moreNote}
<h2>Add or replace a route</h2>
${newRouteForm(page.values ?? {}, page.stores ?? [])}`;
}

function routeTable(routes: readonly ShownRoute[]): Markup {
  const headings = ['Path', 'Bucket or store', 'Access', 'Secret', 'Rules', 'Change'];
  return table('Routes', headings, routes.map(routeRow));
}

function routeRow({ path, masked, inMemory, fault }: ShownRoute): Markup {
  const { s3, store, prefix } = masked;
  const shownPrefix = s3 === undefined ? prefix : s3.prefix;
  const notes = [s3?.region, s3?.endpoint, shownPrefix === undefined ? undefined : `prefix ${shownPrefix}`];
  const shownNotes = notes.filter((note) => note !== undefined).map((note) => markup`<small>${note}</small>`);
  const faultNote = fault === null ? null : markup`<small class="fault">${fault}</small>`;
  const memoryNote = inMemory ? markup`<small>in the memory of this instance only</small>` : null;
  return markup`<tr>
<td><code>${path}</code>${memoryNote}</td>
<td><code>${s3?.bucket ?? store ?? ''}</code>${shownNotes}${faultNote}</td>
<td><code>${s3?.access ?? ''}</code></td>
<td><code>${s3?.secret ?? ''}</code></td>
<td>${rulesOf(masked)}</td>
<td><form method="post" action="/"><input type="hidden" name="path" value="${path}"><button name="action" value="delete" aria-label="Remove ${path}">Remove</button></form></td>
</tr>
`;
}

function rulesOf({ write, list, read, writeTokens, signedSeconds, mirror }: SentRoute): string {
  return [
    write === undefined ? '' : `write ${write}`,
    list === true ? 'list' : '',
    signedSeconds === undefined ? '' : `${signedSeconds} s`,
    read === undefined ? '' : `read by ${read.join(', ')}`,
    writeTokens === undefined ? '' : `written by ${writeTokens.join(', ')}`,
    mirror === undefined ? '' : `mirror ${mirror}`,
  ]
    .filter((rule) => rule !== '')
    .join('; ');
}

function newRouteForm(values: FormValues, stores: readonly string[]): Markup {
  const field = (name: keyof FormValues, label: string, more = markup``): Markup =>
    markup`<label>${label} <input name="${name}" value="${values[name] ?? ''}" autocomplete="off" spellcheck="false"${more}></label>
`;
  return markup`<form class="new" method="post" action="/">
${field('path', 'Path', markup` required placeholder="/releases"`)}
${field('bucket', 'Bucket')}
${field('access', 'Access key')}
${field('secret', 'Secret key', markup` type="password"`)}
${field('region', 'Region', markup` placeholder="us-east-1"`)}
${field('endpoint', 'Endpoint', markup` placeholder="AWS"`)}
${field('store', 'Store, instead of a bucket', markup` list="stores"`)}
<datalist id="stores">${stores.map((store) => markup`<option value="${store}"></option>`)}</datalist>
<button name="action" value="create">Add</button>
</form>`;
}

function instanceTable(instances: readonly RouterInstance[]): Markup {
  const rows = instances.map(
    (
      instance,
    ) => markup`<tr><td><code>${hostAndPort(instance)}</code></td><td>${instance.port}</td><td>${instance.role}</td><td>${instance.state}</td></tr>
`,
  );
  return table('Instances', ['Address', 'Port', 'Role', 'State'], rows);
}

/** A region that scrolls by keyboard too, for narrow screens. */
function table(label: string, headings: readonly string[], rows: readonly Markup[]): Markup {
  return markup`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${headings.map((heading) => markup`<th scope="col">${heading}</th>`)}</tr></thead>
<tbody>
${rows}</tbody>
</table></div>`;
}
