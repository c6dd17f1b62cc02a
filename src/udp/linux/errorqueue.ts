/** The error queue of a socket: stamps of departures, and ICMP errors with who sent them. */
import type { Stamp } from '../../units.ts';
import type { Icmp } from '../udp.ts';
import { MSG_ERRQUEUE, ORIGIN_ICMP, ORIGIN_ICMP6, ORIGIN_TIMESTAMPING } from './constants.ts';
import { codeOfErrno } from './errno.ts';
import type { System } from './system.ts';

/** The datagram with this number has left. */
export interface Departure {
  readonly id: number;
  readonly atNs: Stamp;
}

/** Empties the error queue. What it says is collected first: handlers may send, and come here. */
export function readErrors(system: System, fd: number): (Departure | Icmp)[] {
  const { errors, clock, addresses } = system;
  const { said, control, names } = errors;
  const found: (Departure | Icmp)[] = [];
  for (;;) {
    const count = errors.receive(fd, MSG_ERRQUEUE);
    for (let n = 0; n < count; n++) {
      const bytes = errors.open(n) ?? new Uint8Array(0);
      const at = said.errorAt;
      if (at < 0) continue;
      const origin = control.bytes[at + 4] ?? 0;
      const atNs = said.stampS === 0 ? null : clock.stampOf(said.stampS, said.stampNs);
      if (origin === ORIGIN_TIMESTAMPING) {
        if (atNs !== null) found.push({ id: control.view.getUint32(at + 12, true), atNs });
        continue;
      }
      if (origin !== ORIGIN_ICMP && origin !== ORIGIN_ICMP6) continue; // send() has told
      const to = addresses.read(names, errors.nameAt(n));
      if (to === null) continue;
      found.push({
        routerIp: addresses.read(control, at + 16)?.ip ?? null,
        to,
        type: control.bytes[at + 5] ?? 0,
        code: control.bytes[at + 6] ?? 0,
        errorCode: codeOfErrno(control.view.getUint32(at, true)),
        quoted: bytes.slice(),
        receivedAtNs: atNs,
      });
    }
    if (count < errors.size) return found;
  }
}
