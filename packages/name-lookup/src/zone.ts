import { getDomain } from 'tldts-icann';

/**
 * The zone of a name: its registrable domain by the ICANN section of the Public Suffix List (`a.b.example.co.uk` →
 * `example.co.uk`), because one owner can create any number of names below it. Else the last two labels.
 */
export function zoneOf(name: string): string {
  return getDomain(name) ?? name.split('.').slice(-2).join('.');
}
