import { glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_ROOT, runProgram } from '@cloud-mirror/testing/program';
import { outputOf, toolPath } from './deploy-tools.ts';
import { typeFaults, type Manifest } from './kubernetes-types.ts';

const kubectl = await toolPath('kubectl');
const helm = await toolPath('helm');
const haproxy = await toolPath('haproxy');
const systemd = await toolPath('systemd-analyze');
const CHART = 'deploy/helm/cloud-mirror';
const read = (path: string): Promise<string> => readFile(join(PROJECT_ROOT, path), 'utf8');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-deploy-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the secrets of a deployment contain. */
const VARIABLES = {
  PUBLIC_URL: 'https://mirror.example.com',
  ROUTER_URL: 'https://files.example.com',
  REDIS_URL: 'rediss://user:password@redis.example.com:6379/0',
  OPERATOR_TOKEN_SHA256: 'a'.repeat(64),
  QUEUE_SIGNING_KEY: Buffer.alloc(32, 1).toString('base64'),
  ROUTER_SEAL_KEY: Buffer.alloc(32, 2).toString('base64'),
};

const checked = new Set<string>();

/** Runs `cloud-mirror config check` for each program that reads the configuration. */
async function checkConfig(text: string): Promise<void> {
  if (checked.has(text)) return;
  const file = join(folder, 'mirror.yaml');
  await writeFile(file, text);
  for (const program of ['frontend', 'copier', 'router']) {
    const args = ['config', 'check', '--program', program, file];
    const { code, stdout, stderr } = await runProgram('packages/cli/src/main.ts', { args, env: VARIABLES });
    expect({ program, code, stderr }).toEqual({ program, code: 0, stderr: '' });
    expect(stdout).toMatch(/^OK\n/);
  }
  checked.add(text);
}

function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text, { merge: true })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

interface Container {
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name: string }[];
  readonly [probe: string]: unknown;
}
interface Workload extends Manifest {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly Container[] };
    };
  };
}

/** What no schema says: selectors meet, ports and programs exist, configurations are valid. */
async function checkTogether(manifests: readonly Manifest[]): Promise<void> {
  const workloads = manifests.filter(({ kind }) => kind === 'Deployment') as Workload[];
  const labelsOf = workloads.map(({ spec }) => spec.template.metadata.labels);
  const meets = (selector: object): boolean =>
    labelsOf.some((labels) => Object.entries(selector).every(([name, value]) => labels[name] === value));
  for (const { kind, metadata, spec } of manifests as (Manifest & { spec: Record<string, unknown> })[]) {
    const selectors: unknown[] =
      kind === 'Service'
        ? [spec['selector']]
        : kind === 'PodDisruptionBudget' || kind === 'Deployment'
          ? [(spec['selector'] as { matchLabels: object }).matchLabels]
          : kind === 'NetworkPolicy'
            ? [(spec['podSelector'] as { matchLabels?: object }).matchLabels ?? {}]
            : [];
    for (const selector of selectors)
      expect({ kind, name: metadata.name, meets: meets(selector as object) }).toEqual({
        kind,
        name: metadata.name,
        meets: true,
      });
    const target = (spec?.['scaleTargetRef'] as { name: string } | undefined)?.name;
    if (target !== undefined) expect(workloads.map((one) => one.metadata.name)).toContain(target);
  }
  for (const { spec } of workloads)
    for (const container of spec.template.spec.containers) {
      const names = container.ports?.map(({ name }) => name) ?? [];
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        const found = container[probe] as { httpGet?: { port: string } } | undefined;
        if (found?.httpGet !== undefined) expect(names).toContain(found.httpGet.port);
      }
      for (const arg of container.args ?? [])
        if (arg.endsWith('.ts'))
          expect({ arg, exists: existsSync(join(PROJECT_ROOT, arg)) }).toEqual({ arg, exists: true });
    }
  const configs = manifests.filter(({ kind }) => kind === 'ConfigMap') as (Manifest & {
    data: Record<string, string>;
  })[];
  expect(configs).toHaveLength(1);
  await checkConfig(configs[0]?.data['mirror.yaml'] ?? '');
}

describe('the check of types', () => {
  const good = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'x' },
    spec: { ports: [{ port: 80 }] },
  };
  test.each<readonly [string, Manifest, RegExp | null]>([
    ['accepts a good manifest', good, null],
    [
      'finds an unknown field deep inside',
      { ...good, spec: { ports: [{ port: 80, nodeprot: 1 }] } },
      /nodeprot/,
    ],
    ['finds a wrong type', { ...good, spec: { ports: [{ port: '80' }] } }, /number/],
    ['finds a missing field', { ...good, spec: { ports: [{}] } }, /port/],
    ['finds an unknown kind', { ...good, kind: 'Servise' }, /Servise/],
    ['finds an unknown API', { ...good, apiVersion: 'v9' }, /never/],
  ])('%s', (_what, manifest, fault) => {
    const faults = typeFaults([manifest]).join('\n');
    if (fault === null) expect(faults).toBe('');
    else expect(faults).toMatch(fault);
  });
});

describe('deploy/kubernetes', () => {
  test('the files of the base have only known fields', async () => {
    const manifests: Manifest[] = [];
    for await (const path of glob('deploy/kubernetes/base/*.yaml', { cwd: PROJECT_ROOT }))
      if (!['kustomization.yaml', 'mirror.yaml'].includes(basename(path)))
        manifests.push(...manifestsIn(await read(path)));
    expect(manifests.length).toBeGreaterThan(10);
    expect(typeFaults(manifests)).toEqual([]);
  });

  test.each(['base', 'overlays/production', 'overlays/trial'])(
    '%s is rendered by kubectl, with known fields only, and fits together',
    async (path) => {
      if (kubectl === null) return console.warn('no kubectl: run npm run fetch:kubectl');
      const manifests = manifestsIn(await outputOf(kubectl, 'kustomize', `deploy/kubernetes/${path}`));
      expect(typeFaults(manifests)).toEqual([]);
      await checkTogether(manifests);
    },
  );
});

describe('deploy/helm', () => {
  test.each<readonly [string, readonly string[]]>([
    ['with the default values', []],
    ['with KEDA', ['--set', 'copiers.keda.enabled=true']],
    ['without a router and policies', ['--set', 'router.enabled=false,networkPolicies.enabled=false']],
    ['with a digest', ['--set', `image.digest=sha256:${'a'.repeat(64)}`]],
  ])('%s, the chart has known fields only, and fits together', async (_what, values) => {
    if (helm === null) return console.warn('no helm: run npm run fetch:kubectl');
    const manifests = manifestsIn(await outputOf(helm, 'template', 'mirror', CHART, ...values));
    expect(typeFaults(manifests)).toEqual([]);
    await checkTogether(manifests);
  });

  test('misspelt values are refused', async () => {
    if (helm === null) return console.warn('no helm: run npm run fetch:kubectl');
    await expect(outputOf(helm, 'template', 'mirror', CHART, '--set', 'frontend.replcas=2')).rejects.toThrow(
      /replcas/,
    );
  });

  test('its configuration is valid', async () => {
    const { config } = parse(await read(`${CHART}/values.yaml`)) as { config: string };
    await checkConfig(config);
  });
});

interface Service {
  readonly command?: readonly string[];
  readonly secrets?: readonly string[];
  readonly deploy?: { readonly update_config?: { readonly order: string; readonly failure_action?: string } };
}

test.each(['docker-compose.yml', 'deploy/swarm/stack.yaml'])('%s names programs that exist', async (path) => {
  const { services } = parse(await read(path), { merge: true }) as { services: Record<string, Service> };
  const programs = Object.values(services).flatMap(({ command = [] }) =>
    command.filter((arg) => arg.endsWith('.ts')),
  );
  expect(programs.length).toBeGreaterThanOrEqual(4);
  expect(programs.filter((program) => !existsSync(join(PROJECT_ROOT, program)))).toEqual([]);
});

test('front ends of the stack are replaced start-first, and rolled back', async () => {
  const stack = parse(await read('deploy/swarm/stack.yaml'), { merge: true }) as {
    services: Record<string, Service>;
    secrets: object;
  };
  expect(stack.services['frontend']?.deploy?.update_config).toMatchObject({
    order: 'start-first',
    failure_action: 'rollback',
  });
  for (const { secrets = [] } of Object.values(stack.services))
    expect(Object.keys(stack.secrets)).toEqual(expect.arrayContaining([...secrets]));
});

test.each(['config/compose.yaml', 'deploy/swarm/mirror.yaml', 'deploy/systemd/mirror.yaml'])(
  'the configuration %s is valid for each program',
  async (path) => checkConfig(await read(path)),
);

test.each(['config/haproxy/compose.cfg', 'deploy/swarm/haproxy.cfg'])('HAProxy accepts %s', async (path) => {
  if (haproxy === null) return console.warn('no haproxy');
  await outputOf(haproxy, '-c', '-f', path);
});

const UNITS = [
  'cloud-mirror-frontend.service',
  'cloud-mirror-copier@.service',
  'cloud-mirror-router.service',
];
test.each(UNITS)('the exposure of %s is at most 2.5, and its program exists', async (unit) => {
  const path = `deploy/systemd/${unit}`;
  const [, program = ''] = / (services\/\S+\.ts) /.exec(await read(path)) ?? [];
  expect(existsSync(join(PROJECT_ROOT, program))).toBe(true);
  if (systemd === null) return console.warn('no systemd-analyze');
  const report = await outputOf(
    systemd,
    'security',
    '--offline=true',
    '--no-pager',
    join(PROJECT_ROOT, path),
  );
  expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(report)?.[1])).toBeLessThanOrEqual(2.5);
});
