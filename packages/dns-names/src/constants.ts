/** Response codes: RFC 1035, section 4.1.1; BADVERS: RFC 6891, section 6.1.3, in the extended code. */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const;

export type Rcode = (typeof RCODE)[keyof typeof RCODE];

/** Types of questions that need a rule of their own: RFC 1035, section 3.2; RFC 5936; RFC 1995; RFC 6891. */
export const TYPE = {
  A: 1,
  SOA: 6,
  PTR: 12,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const;

export const HEADER_BYTES = 12;
/** The longest name, with the length of each label and the root (RFC 1035, section 2.3.4). */
export const MOST_NAME_BYTES = 255;
/** The longest message over UDP without EDNS (RFC 1035, section 2.3.4). */
export const PLAIN_UDP_BYTES = 512;
/** The longest message that this server receives over UDP: no path splits it (DNS flag day 2020). */
export const RECEIVED_UDP_BYTES = 1232;
/** The longest message that this server sends over UDP, to clients that take it. */
export const MOST_UDP_BYTES = 4096;
export const MOST_TCP_BYTES = 65_535;

/** Flags in the second word of the header (RFC 1035, section 4.1.1; RFC 4035, section 3.2.2). */
export const FLAG = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
  rcode: 0x000f,
} as const;
