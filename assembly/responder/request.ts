/** Which requests are well formed: what src/ntp/packet.ts reads, and in its order. RFC 5905, 7822. */
import { COUNT_MALFORMED, COUNT_MODE, COUNT_SHORT, COUNT_VERSION } from './memory';

const HEADER: u32 = 48;
const CLIENT_MODE: u32 = 3;

/** @returns 0, or the COUNT_* it is dropped under */
export function judge(at: usize, length: u32): usize {
  if (length < HEADER) return COUNT_SHORT;
  const first = u32(load<u8>(at));
  const version = (first >> 3) & 7;
  if (version != 3 && version != 4) return COUNT_VERSION;
  if (length != HEADER && !isTrailer(at, length, version)) return COUNT_MALFORMED;
  return (first & 7) == CLIENT_MODE ? 0 : COUNT_MODE;
}

/** Extension fields and MAC: 20 to 24 octets left are a MAC, anything else must be a field. */
function isTrailer(at: usize, length: u32, version: u32): bool {
  if ((length & 3) != 0) return false;
  if (length == HEADER + 4) return load<u32>(at, HEADER) == 0; // crypto-NAK
  if (version < 4) return true; // a MAC: no extension fields before version 4
  let rest = length - HEADER;
  let field = at + HEADER;
  while (rest > 0) {
    if (rest >= 20 && rest <= 24) return true;
    const size = u32(bswap<u16>(load<u16>(field, 2)));
    const least: u32 = isNts(u32(bswap<u16>(load<u16>(field)))) ? 4 : 16;
    if ((size & 3) != 0 || size > rest || size < least) return false;
    rest -= size;
    field += size;
  }
  return true;
}

/** Types exempt from the least length (RFC 8915 §5.5): 0x0104, 0x0204, 0x0304, 0x0404. */
function isNts(type: u32): bool {
  return (type & 0xff) == 4 && type >> 8 >= 1 && type >> 8 <= 4;
}

/** RFC 9769 §2: version 4, origin and receive given, receive and transmit different. */
export function asksInterleaved(at: usize): bool {
  const receive = load<u64>(at, 32);
  const isVersion4 = ((load<u8>(at) >> 3) & 7) == 4;
  return isVersion4 && load<u64>(at, 24) != 0 && receive != 0 && receive != load<u64>(at, 40);
}
