/** A host behind ports that are translated: two clocks with the same ports on one address. */
import type { Address } from '../../src/machine.ts';
import type { Host } from '../../src/udp/udp.ts';

const moved = (address: Address, by: number): Address => ({ ...address, port: address.port + by });

/** The program means port P where the wire has P + `own` here and P + `peers` there. */
export function portsMoved(host: Host, own: number, peers: number): Host {
  return {
    ...host,
    async openUdp(given, handlers, options) {
      const udp = await host.openUdp(
        moved(given, own),
        {
          onDatagram(datagram) {
            const { local, remote } = datagram;
            handlers.onDatagram({
              ...datagram,
              local: moved(local, -own),
              remote: moved(remote, -peers),
            });
          },
          onError: (code) => handlers.onError(code),
        },
        options,
      );
      return {
        local: moved(udp.local, -own),
        stampKind: udp.stampKind,
        send: (bytes, to, seal, options) => udp.send(bytes, moved(to, peers), seal, options),
        close: () => udp.close(),
      };
    },
  };
}
