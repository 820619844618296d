import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface PemFault {
  readonly found: string;
  readonly expected: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const EXPECTED = 'a PEM file with at least one certificate, -----BEGIN CERTIFICATE-----';

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'which is not there',
  ENOTDIR: 'which is not there',
  EACCES: 'which this user may not read',
  EISDIR: 'which is a folder',
};

/** @returns what keeps the certificates of the file from being used; `null`: nothing. Never shows any of the file */
export function pemFault(file: string): PemFault | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    return { found: READ_FAULTS[code] ?? `which cannot be read (${code})`, expected: EXPECTED };
  }
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)
      ? 'which holds a private key and no certificate'
      : null;
    return { found: key ?? 'which holds no certificate', expected: EXPECTED };
  }
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      return { found: `whose certificate number ${index + 1} is damaged`, expected: EXPECTED };
    }
  }
  return null;
}
