import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { FLAG, MOST_TCP_BYTES, PLAIN_UDP_BYTES, RCODE } from './constants.ts';
import { readQuery } from './dns-query.ts';
import { encodeReply, encodeTruncated } from './dns-reply.ts';
import { fitMessage } from './fit-message.ts';
import type { AnswerSource, NameServer } from './name-server.ts';
import type { ReplyLimits } from './reply-limits.ts';
import { TCP_LIMITS, TcpConnection, type TcpLimits } from './tcp-connection.ts';

export type Transport = 'udp' | 'tcp';

/** What became of a message. `dropped`: no reply, because the client's network has used up its budget. */
export type Outcome =
  | {
      readonly kind: 'answered';
      readonly source: AnswerSource;
      readonly rcode: number;
      readonly over: Transport;
    }
  | { readonly kind: 'ignored' | 'dropped' | 'overload'; readonly over: Transport };

export interface DnsListenerOptions {
  /** An IP address or a name of this machine. */
  readonly host: string;
  /** 0: a free one, the same for UDP and TCP. */
  readonly port: number;
  readonly server: NameServer;
  readonly limits: ReplyLimits;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Called for a fault of this server. The client gets SERVFAIL. */
  readonly onError: (error: Error) => void;
  readonly tcpLimits?: TcpLimits;
}

/** Queries that are answered at once, most of which wait for another name server. */
const MOST_IN_FLIGHT = 2_048;
const MOST_CONNECTIONS = 1_024;
const MOST_PORT_TRIES = 20;

/** Receives queries over UDP and TCP on one port. Disposal closes it. */
export class DnsListener implements AsyncDisposable {
  readonly #options: DnsListenerOptions;
  readonly #tcp: Server;
  readonly #udp: UdpSocket;
  readonly #sockets = new Set<Socket>();
  readonly #inFlight = new SharedPool(MOST_IN_FLIGHT);
  readonly #connections = new SharedPool(MOST_CONNECTIONS);
  #isClosed = false;

  private constructor(options: DnsListenerOptions, tcp: Server, udp: UdpSocket) {
    this.#options = options;
    this.#tcp = tcp;
    this.#udp = udp;
    tcp.on('connection', (socket) => this.#accept(socket));
    tcp.on('error', options.onError);
    udp.on('message', (message, client) => void this.#receive(message, client));
    udp.on('error', options.onError);
  }

  /** @throws an error with `code`, `address` and `port` if the address is in use or not of this machine */
  static async open(options: DnsListenerOptions): Promise<DnsListener> {
    for (let tries = 1; ; tries += 1) {
      const tcp = createServer({ allowHalfOpen: true });
      tcp.listen(options.port, options.host);
      await once(tcp, 'listening');
      // A name such as localhost has addresses of both families: UDP takes the one that TCP has.
      const { address, port } = tcp.address() as AddressInfo;
      const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      try {
        udp.bind(port, address);
        await once(udp, 'listening');
        return new DnsListener(options, tcp, udp);
      } catch (error) {
        udp.close();
        tcp.close();
        // The free port for TCP is in use for UDP.
        if (options.port !== 0 || tries === MOST_PORT_TRIES) throw error;
      }
    }
  }

  get port(): number {
    return this.#udp.address().port;
  }

  /** `127.0.0.1:5353` */
  get address(): string {
    const { address, port } = this.#udp.address();
    return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.destroy();
    const ends = [once(this.#tcp, 'close'), once(this.#udp, 'close')];
    this.#tcp.close();
    this.#udp.close();
    await Promise.all(ends);
  }

  async #receive(message: Buffer, { address, port }: RemoteInfo): Promise<void> {
    // Nothing listens at port 0.
    if (port === 0) return;
    const client = plainAddress(address);
    const { limits, onOutcome } = this.#options;
    const network = limits.networkOf(client);
    const allowance = limits.allowance(network, performance.now());
    if (allowance === 'nothing') return onOutcome({ kind: 'dropped', over: 'udp' });
    const reply =
      allowance === 'truncate' ? this.#slip(message) : await this.#answer(message, client, network, 'udp');
    if (reply !== null && !this.#isClosed) this.#udp.send(reply, port, address, ignoreFailure);
  }

  #slip(message: Buffer): Buffer | null {
    const received = readQuery(message);
    this.#options.onOutcome({ kind: 'dropped', over: 'udp' });
    return received.kind === 'query' ? encodeTruncated(received.query) : null;
  }

  #accept(socket: Socket): void {
    const client = plainAddress(socket.remoteAddress ?? '');
    const network = this.#options.limits.networkOf(client);
    const { place } = this.#connections.take([network]);
    if (place === null) {
      this.#options.onOutcome({ kind: 'overload', over: 'tcp' });
      socket.on('error', () => undefined);
      return void socket.destroy();
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      place[Symbol.dispose]();
    });
    const limits = this.#options.tcpLimits ?? TCP_LIMITS;
    new TcpConnection(socket, limits, (message) => this.#answer(message, client, network, 'tcp'));
  }

  /** Never rejects. @returns null if there is no reply */
  async #answer(message: Buffer, client: string, network: string, over: Transport): Promise<Buffer | null> {
    const { server, onOutcome, onError } = this.#options;
    const { place } = this.#inFlight.take([network]);
    if (place === null) {
      onOutcome({ kind: 'overload', over });
      return failureFor(message);
    }
    try {
      const answered = await server.answer(message, client);
      if (answered === null) {
        onOutcome({ kind: 'ignored', over });
        return null;
      }
      const { query, source } = answered;
      const limit = over === 'tcp' ? MOST_TCP_BYTES : (query?.edns?.udpBytes ?? PLAIN_UDP_BYTES);
      const reply = fitMessage(answered.message, limit);
      onOutcome({ kind: 'answered', source, rcode: reply.readUInt16BE(2) & FLAG.rcode, over });
      return reply;
    } catch (error) {
      onError(error as Error);
      onOutcome({ kind: 'answered', source: 'none', rcode: RCODE.SERVFAIL, over });
      return failureFor(message);
    } finally {
      place[Symbol.dispose]();
    }
  }
}

function failureFor(message: Buffer): Buffer | null {
  const received = readQuery(message);
  if (received.kind !== 'query') return null;
  return encodeReply(received.query, { rcode: RCODE.SERVFAIL, isAuthoritative: false }, false);
}

/** IPv4 clients of a socket for both families have addresses such as `::ffff:192.0.2.1`. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
}

/** The client is gone, or its network is: it will ask again. */
function ignoreFailure(): void {}
