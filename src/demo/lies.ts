/** What an attacker on the way does to a datagram: its stamps go ahead by 31.25 ms. */

/** 2^-5 s, in 2^-32 s and in ns. */
const LIE_FRACTION = 2 ** 27;
const LIE_NS = 31_250_000;

/** Moves receive and transmit stamps of an NTP reply ahead. */
export function lieInNtp(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const offset of [32, 40]) {
    const fraction = view.getUint32(offset + 4) + LIE_FRACTION;
    view.setUint32(offset + 4, fraction % 2 ** 32);
    if (fraction >= 2 ** 32) view.setUint32(offset, (view.getUint32(offset) + 1) % 2 ** 32);
  }
}

/** messageTypes whose timestamp measures: Follow_Up and Delay_Resp of a two-step master. */
const STAMPED = [0x8, 0x9];
/** Of the timestamp: 16 bits of seconds above these 32, then the ns. */
const SECONDS = 36;
const NANOSECONDS = 40;

/** Moves the timestamp of a PTP master's Follow_Up or Delay_Resp ahead; leaves the rest alone. */
export function lieInPtp(bytes: Uint8Array): void {
  if (!STAMPED.includes((bytes[0] ?? 0) & 0xf)) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ns = view.getUint32(NANOSECONDS) + LIE_NS;
  view.setUint32(NANOSECONDS, ns % 1e9);
  if (ns >= 1e9) view.setUint32(SECONDS, (view.getUint32(SECONDS) + 1) % 2 ** 32);
}
