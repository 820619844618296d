import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  decode,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  streamEncode,
  TRUNCATED_RESPONSE,
  type Answer,
  type Packet,
} from 'dns-packet';

export interface DnsQuestion {
  /** In lower case. */
  readonly name: string;
  /** `A`, `AAAA`, … */
  readonly type: string;
  readonly over: 'udp' | 'tcp';
}

export interface DnsReply {
  readonly answers?: readonly Answer[];
  /** `NXDOMAIN`, `SERVFAIL`, …; default: no error. */
  readonly rcode?: keyof typeof RCODES;
  /** Whether the answer is cut, so that the client must ask again over TCP. */
  readonly truncated?: boolean;
}

/** `null`: no answer ever. */
export type DnsHandler = (question: DnsQuestion) => DnsReply | null | Promise<DnsReply | null>;

/** A name server on 127.0.0.1, over UDP and TCP. */
export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`, as for `dns.setServers`. */
  readonly address: string;
  readonly port: number;
  /** All questions so far, also those without an answer. */
  readonly questions: readonly DnsQuestion[];
  /** The number of questions for the A records of a name. */
  asked(name: string): number;
}

const RCODES = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

/** Answers with the A and AAAA records among `addresses`, so with an empty answer if there is none of the type. */
export function addressRecords(
  { name, type }: Pick<DnsQuestion, 'name' | 'type'>,
  addresses: readonly string[],
  ttl = 60,
): Answer[] {
  return addresses.flatMap((data): Answer[] => {
    const family = data.includes(':') ? 'AAAA' : 'A';
    return family === type ? [{ name, type: family, ttl, data }] : [];
  });
}

/** @param port 0: a free one */
export async function startDnsServer(
  handle: DnsHandler,
  { host = '127.0.0.1', port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<DnsServer> {
  const questions: DnsQuestion[] = [];
  const replyTo = async (query: Packet, over: DnsQuestion['over']): Promise<Packet | null> => {
    const [asked] = query.questions ?? [];
    if (asked === undefined) return null;
    const question = { name: asked.name.toLowerCase(), type: asked.type, over };
    questions.push(question);
    const reply = await handle(question);
    return reply === null ? null : packetOf(query, reply);
  };

  const tcp = createServer((socket) => serveStream(socket, (query) => replyTo(query, 'tcp')));
  tcp.listen(port, host);
  await once(tcp, 'listening');
  const sockets = new Set<Socket>();
  tcp.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const bound = (tcp.address() as AddressInfo).port;

  const udp = createSocket('udp4');
  let closed = false;
  udp.on('message', (message, client) => {
    void replyTo(decode(message), 'udp').then((reply) => {
      if (reply !== null && !closed) udp.send(encode(reply), client.port, client.address);
    });
  });
  udp.bind(bound, host);
  await once(udp, 'listening');

  return {
    address: `${host}:${bound}`,
    port: bound,
    questions,
    asked: (name) => questions.filter((each) => each.name === name && each.type === 'A').length,
    async [Symbol.asyncDispose]() {
      closed = true;
      for (const socket of sockets) socket.destroy();
      const ends = [once(tcp, 'close'), once(udp, 'close')];
      tcp.close();
      udp.close();
      await Promise.all(ends);
    },
  };
}

function packetOf(query: Packet, { answers = [], rcode, truncated = false }: DnsReply): Packet {
  const code = rcode === undefined ? 0 : RCODES[rcode];
  return {
    type: 'response',
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: RECURSION_DESIRED | RECURSION_AVAILABLE | (truncated ? TRUNCATED_RESPONSE : 0) | code,
    questions: query.questions ?? [],
    answers: [...answers],
  };
}

/** RFC 1035, section 4.2.2: each message is preceded by its length in two bytes. */
function serveStream(socket: Socket, replyTo: (query: Packet) => Promise<Packet | null>): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const query = decode(received.subarray(2, end));
      received = received.subarray(end);
      void replyTo(query).then((reply) => {
        if (reply !== null && socket.writable) socket.write(streamEncode(reply));
      });
    }
  });
}
