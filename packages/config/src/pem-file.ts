import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface PemFault {
  readonly found: string;
  readonly expected: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const EXPECTED = 'a PEM file with at least one certificate (-----BEGIN CERTIFICATE-----)';

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'which does not exist',
  ENOTDIR: 'which does not exist',
  EACCES: 'which this user may not read',
  EISDIR: 'which is a folder',
};

/** @returns why the certificates in the file cannot be used, without quoting the file; null if they can */
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
      ? 'which contains a private key and no certificate'
      : null;
    return { found: key ?? 'which contains no certificate', expected: EXPECTED };
  }
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      return { found: `whose certificate number ${index + 1} cannot be parsed`, expected: EXPECTED };
    }
  }
  return null;
}
