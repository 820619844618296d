import { join } from 'node:path';
import ts from 'typescript';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';

/** A document of Kubernetes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** The file of `kubernetes-types` for an API, or KEDA's types below. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'kubernetes-types/core/v1',
  'apps/v1': 'kubernetes-types/apps/v1',
  'policy/v1': 'kubernetes-types/policy/v1',
  'networking.k8s.io/v1': 'kubernetes-types/networking/v1',
  'autoscaling/v2': 'kubernetes-types/autoscaling/v2',
  'keda.sh/v1alpha1': './keda.ts',
};

/** The part of KEDA's API that the manifests use: https://keda.sh/docs/latest/reference/scaledobject-spec/ */
const KEDA = `
interface Of<Kind extends string, Spec> {
  apiVersion: 'keda.sh/v1alpha1'; kind: Kind;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec: Spec;
}
interface Policy { type: 'Pods' | 'Percent'; value: number; periodSeconds: number }
interface Rules { stabilizationWindowSeconds?: number; policies?: Policy[] }
export type ScaledObject = Of<'ScaledObject', {
  scaleTargetRef: { apiVersion?: string; kind?: string; name: string };
  pollingInterval?: number; cooldownPeriod?: number; minReplicaCount?: number; maxReplicaCount?: number;
  advanced?: { horizontalPodAutoscalerConfig?: { behavior?: { scaleUp?: Rules; scaleDown?: Rules } } };
  triggers: {
    type: 'aws-cloudwatch';
    metadata: {
      namespace: string; metricName: string; dimensionName: string; dimensionValue: string;
      metricStat?: string; metricStatPeriod?: string; metricCollectionTime?: string;
      minMetricValue: string; targetMetricValue: string; awsRegion: string;
    };
    authenticationRef?: { name: string };
  }[];
}>;
export type TriggerAuthentication = Of<'TriggerAuthentication', { podIdentity: { provider: 'aws' } }>;
`;

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ESNext,
  allowImportingTsExtensions: true,
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  types: [],
};

/**
 * Checks manifests against the types of Kubernetes by TypeScript's own check of object literals, which finds unknown
 * fields, missing ones and wrong types at any depth.
 * @returns the faults
 */
export function typeFaults(manifests: readonly Manifest[]): string[] {
  const folder = join(PROJECT_ROOT, 'test/deploy');
  const checked = join(folder, 'manifests.ts');
  const lines = manifests.map((manifest, index) => {
    const module = MODULES[manifest.apiVersion];
    if (module === undefined)
      return `export const m${index}: never = ${JSON.stringify(manifest.apiVersion)};`;
    const type = `import(${JSON.stringify(module)}).${manifest.kind}`;
    return `export const m${index}: ${type} = ${JSON.stringify(manifest)};`;
  });
  const files = new Map([
    [checked, lines.join('\n')],
    [join(folder, 'keda.ts'), KEDA],
  ]);
  const host = ts.createCompilerHost(OPTIONS);
  const fromDisk = ts.createCompilerHost(OPTIONS);
  host.fileExists = (name) => files.has(name) || fromDisk.fileExists(name);
  host.readFile = (name) => files.get(name) ?? fromDisk.readFile(name);
  host.getSourceFile = (name, options, ...others) => {
    const text = files.get(name);
    return text === undefined
      ? fromDisk.getSourceFile(name, options, ...others)
      : ts.createSourceFile(name, text, options, true);
  };
  const program = ts.createProgram([checked], OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line;
    const of = manifests[line];
    return `${of?.kind} ${of?.metadata.name}: ${ts.flattenDiagnosticMessageText(messageText, '; ')}`;
  });
}
