/**
 * What a relay looks at in a PTPv2 message, and the little it changes. IEEE 1588-2008 §13.3.
 * It never reads more: what it does not understand it carries all the same.
 */
export const CODE = {
  sync: 0x0,
  delayReq: 0x1,
  pdelayReq: 0x2,
  pdelayResp: 0x3,
  followUp: 0x8,
  delayResp: 0x9,
  pdelayRespFollowUp: 0xa,
} as const;

const HEADER_OCTETS = 34;
const LENGTH = 2;
const FLAGS = 6;
const TWO_STEP = 0x02;
const CORRECTION = 8;
const SOURCE_PORT = 20;
const SEQUENCE = 30;
const CONTROL = 32;
const TIMESTAMP = 34;
const REQUESTING_PORT = 44;
const PORT_OCTETS = 10;
const MOST = 2n ** 63n - 1n;

/** messageType, or null if this is no PTPv2 message that fits into the octets. */
export function typeOf(ptp: Uint8Array): number | null {
  if (ptp.length < HEADER_OCTETS || ((ptp[1] ?? 0) & 0xf) !== 2) return null;
  const type = (ptp[0] ?? 0) & 0xf;
  const length = view(ptp).getUint16(LENGTH);
  const least = type === CODE.sync || type === CODE.delayReq || type === CODE.followUp ? 44 : 54;
  const isShort = type <= CODE.pdelayRespFollowUp && length < least;
  return isShort || length < HEADER_OCTETS || length > ptp.length ? null : type;
}

const view = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('');

/** sdoId, domain and sequenceId: with a port they name an exchange. */
const number = (ptp: Uint8Array): string =>
  `${(ptp[0] ?? 0) >> 4}.${ptp[5]}.${ptp[4]}.${view(ptp).getUint16(SEQUENCE)}`;

/** Of the message's own port. */
export const exchangeOfSource = (ptp: Uint8Array): string =>
  `${number(ptp)}.${hex(ptp.subarray(SOURCE_PORT, SOURCE_PORT + PORT_OCTETS))}`;

/** Of the port that the message answers. */
export const exchangeOfRequester = (ptp: Uint8Array): string =>
  `${number(ptp)}.${hex(ptp.subarray(REQUESTING_PORT, REQUESTING_PORT + PORT_OCTETS))}`;

export const addressText = hex;

export const isTwoStep = (ptp: Uint8Array): boolean => ((ptp[FLAGS] ?? 0) & TWO_STEP) !== 0;

export function setTwoStep(ptp: Uint8Array): void {
  ptp[FLAGS] = (ptp[FLAGS] ?? 0) | TWO_STEP;
}

/** Adds to the correctionField; one that says "too large" stays so. (2^-16 ns) */
export function addCorrection(ptp: Uint8Array, correction: bigint): void {
  const before = view(ptp).getBigInt64(CORRECTION);
  if (before === MOST) return;
  const after = before + correction;
  view(ptp).setBigInt64(CORRECTION, after > MOST ? MOST : after);
}

/** Octets of a {@link followUpOf}. */
export const followUpOctets = (ptp: Uint8Array): number => (typeOf(ptp) === CODE.sync ? 44 : 54);

/**
 * Writes over a copy of a one-step Sync or Pdelay_Resp the follow-up that its two-step form owes:
 * the same timestamp, no TLVs, no correction.
 */
export function becomeFollowUp(ptp: Uint8Array): void {
  const isSync = typeOf(ptp) === CODE.sync;
  ptp[0] = ((ptp[0] ?? 0) & 0xf0) | (isSync ? CODE.followUp : CODE.pdelayRespFollowUp);
  view(ptp).setUint16(LENGTH, isSync ? 44 : 54);
  ptp[FLAGS] = (ptp[FLAGS] ?? 0) & ~TWO_STEP;
  view(ptp).setBigInt64(CORRECTION, 0n);
  ptp[CONTROL] = isSync ? 2 : 5;
  // a one-step responder's turnaround stands in its Pdelay_Resp's correctionField
  if (!isSync) ptp.fill(0, TIMESTAMP, TIMESTAMP + 10);
}
