/**
 * The ten message types: code, UDP port class, shortest length, controlField.
 * IEEE 1588-2008 §13.3.2.2, §13.3.2.10, §13.5–13.12.
 */

interface TypeInfo {
  /** messageType, a nibble; also what negotiation TLVs ask by. */
  readonly code: number;
  /** Event messages are timestamped: UDP 319. The others are general: 320. */
  readonly event: boolean;
  /** Octets of header and body, before any TLV. */
  readonly bytes: number;
  /** Sent for the sake of version 1 hardware, never looked at. */
  readonly controlField: number;
}

export const MESSAGE_TYPES = {
  Sync: { code: 0x0, event: true, bytes: 44, controlField: 0 },
  Delay_Req: { code: 0x1, event: true, bytes: 44, controlField: 1 },
  Pdelay_Req: { code: 0x2, event: true, bytes: 54, controlField: 5 },
  Pdelay_Resp: { code: 0x3, event: true, bytes: 54, controlField: 5 },
  Follow_Up: { code: 0x8, event: false, bytes: 44, controlField: 2 },
  Delay_Resp: { code: 0x9, event: false, bytes: 54, controlField: 3 },
  Pdelay_Resp_Follow_Up: { code: 0xa, event: false, bytes: 54, controlField: 5 },
  Announce: { code: 0xb, event: false, bytes: 64, controlField: 5 },
  Signaling: { code: 0xc, event: false, bytes: 44, controlField: 5 },
  Management: { code: 0xd, event: false, bytes: 48, controlField: 4 },
} as const satisfies Record<string, TypeInfo>;

export type MessageType = keyof typeof MESSAGE_TYPES;

const BY_CODE: readonly (MessageType | undefined)[] = Array.from({ length: 16 }, (_, code) =>
  (Object.keys(MESSAGE_TYPES) as MessageType[]).find((type) => MESSAGE_TYPES[type].code === code),
);

/** Undefined for the reserved codes 4–7, 0xe and 0xf. */
export const messageTypeOf = (code: number): MessageType | undefined => BY_CODE[code];
