import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@cloud-mirror/testing/free-port';
import { onPath } from '@cloud-mirror/testing/server-programs';
import { eventually } from '@cloud-mirror/testing/eventually';
import { startProcess } from '../processes/bench-process.ts';

/** An alternative to the mirror that answers each of the paths with a redirect. */
export interface Peer extends AsyncDisposable {
  readonly address: string;
}

export interface PeerOptions {
  readonly cores: string;
  /** The redirect address of each request target. */
  readonly redirects: ReadonlyMap<string, string>;
  /** `host:port` of the Redis where nginx with Lua looks up `redirects`, under `nginx:<request target>`. */
  readonly redis: { readonly host: string; readonly port: number };
}

const MODULES = '/usr/share/nginx/modules';

/** Debian packages that the comparisons need and this machine does not have. */
export async function missingPackages(): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  for (const name of ['nginx', 'haproxy', 'rclone', 'wrk'])
    if ((await onPath(name)) === null) missing.add(name);
  if (!existsSync(`${MODULES}/ngx_http_lua_module.so`)) missing.add('libnginx-mod-http-lua');
  return missing;
}

/** nginx that answers every request with one constant redirect. */
export async function startNginxConstant({ cores }: Pick<PeerOptions, 'cores'>): Promise<Peer> {
  return startNginx(cores, () => `return 302 https://example.com/the/copy;`);
}

/** nginx with Lua that looks up each request target in Redis over keep-alive connections. */
export async function startNginxLua({ cores, redis }: PeerOptions): Promise<Peer> {
  return startNginx(
    cores,
    () => `content_by_lua_block {
      local redis = ngx.socket.tcp()
      redis:settimeouts(500, 500, 500)
      if not redis:connect("${redis.host}", ${redis.port}) then return ngx.exit(503) end
      local key = "nginx:" .. ngx.var.request_uri
      redis:send("*2\\r\\n$3\\r\\nGET\\r\\n$" .. #key .. "\\r\\n" .. key .. "\\r\\n")
      local length = redis:receive("*l")
      if not length then return ngx.exit(503) end
      if length == "$-1" then redis:setkeepalive(60000, 128) return ngx.exit(404) end
      local location = redis:receive(tonumber(length:sub(2)) + 2)
      redis:setkeepalive(60000, 128)
      ngx.header["Location"] = location:sub(1, -3)
      return ngx.exit(302)
    }`,
    `load_module ${MODULES}/ndk_http_module.so;\nload_module ${MODULES}/ngx_http_lua_module.so;`,
  );
}

/** Writes a buffered access log, as the mirror does. */
async function startNginx(cores: string, handler: () => string, modules = ''): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  await writeFile(
    file,
    `${modules}
daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  access_log ${folder}/access.log combined buffer=64k;
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port} backlog=4096; location / { ${handler()} } }
}
`,
  );
  const nginx = await startProcess(['nginx', '-p', folder, '-c', file], { cores });
  return peerAt(port, nginx, folder);
}

/** haproxy with all redirects in a map in memory. */
export async function startHaproxyMap({ cores, redirects }: PeerOptions): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-haproxy-'));
  const port = await freePort();
  await writeFile(
    join(folder, 'map'),
    [...redirects].map(([path, location]) => `${path} ${location}\n`).join(''),
  );
  const file = join(folder, 'haproxy.cfg');
  await writeFile(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend redirects
  bind 127.0.0.1:${port}
  http-request redirect code 302 location %[path,map_str(${folder}/map)]
`,
  );
  return peerAt(port, await startProcess(['haproxy', '-f', file, '-db'], { cores }), folder);
}

async function peerAt(
  port: number,
  server: AsyncDisposable & { output(): Promise<string>; readonly exit: Promise<string> },
  folder: string,
): Promise<Peer> {
  const address = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => (await fetch(address, { redirect: 'manual' })).status > 0);
  } catch (cause) {
    const said = await server.output();
    await stop();
    throw new Error(`a peer did not answer at ${address}; its output was:\n${said}`, { cause });
  }
  return { address, [Symbol.asyncDispose]: stop };
}
