/** How a message came in: what an answer's addresses follow from. */
import type { Datagram } from '../machine.ts';

export interface Incoming extends Omit<Datagram, 'bytes' | 'group'> {
  /**
   * The group it was sent to, `local` then is the own address to answer from; null if it was sent
   * to `local`. A host that cannot tell takes the message's unicast flag for it.
   */
  readonly group: string | null;
}
