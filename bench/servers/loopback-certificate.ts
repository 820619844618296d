import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath } from '@cloud-mirror/testing/server-programs';
import { runToEnd } from '../processes/bench-process.ts';

/** PEM files for servers on 127.0.0.1. Clients must be configured to trust the certificate. Disposing removes the files. */
export interface LoopbackCertificate extends AsyncDisposable {
  readonly key: string;
  readonly certificate: string;
}

/** @returns `null` if openssl is missing */
export async function loopbackCertificate(): Promise<LoopbackCertificate | null> {
  if ((await onPath('openssl')) === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'bench-tls-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const files = ['-keyout', key, '-out', certificate];
    const kind = ['-x509', '-nodes', '-days', '1', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const name = ['-subj', '/CN=loopback', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await runToEnd(['openssl', 'req', ...kind, ...name, ...files], { cores: '' });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { key, certificate, [Symbol.asyncDispose]: dispose };
}
