/** Replies over their requests, in place. RFC 5905 §8, fig. 31. Times on the wire are big endian. */
import { ntpFromUnix } from '../ntptime';
import { HEAD, NOW, STAMPS } from './memory';

const ORIGIN: usize = 24;
const RECEIVE: usize = 32;
const TRANSMIT: usize = 40;
/** LI 3, mode 4: the first octet of a kiss without its version. */
const KISS_FIRST: u32 = 0xc4;
const RATE: u32 = 0x45544152; // as it is read in memory

let kissPollLog2S: i32 = 0;

/** Poll exponent that a RATE kiss asks for at least. */
export function setKissPoll(log2S: i32): void {
  kissPollLog2S = log2S;
}

/** All but the transmit timestamp; receive stays zero if the kernel did not stamp message `n`. */
export function writeReply(at: usize, n: i32): void {
  const version = u32(load<u8>(at)) & 0x38;
  const poll = load<u8>(at, 2);
  store<u64>(at, load<u64>(at, TRANSMIT), ORIGIN);
  store<u64>(at, load<u64>(HEAD));
  store<u64>(at, load<u64>(HEAD, 8), 8);
  store<u64>(at, load<u64>(HEAD, 16), 16);
  store<u8>(at, u32(load<u8>(HEAD)) | version);
  store<u8>(at, poll, 2);
  const stamp = STAMPS + 8 * usize(n);
  const seconds = load<u32>(stamp);
  const receive = seconds == 0 ? 0 : known(ntpOf(i64(seconds), i64(load<u32>(stamp, 4))));
  store<u64>(at, bswap<u64>(receive), RECEIVE);
}

/** The departure is what NOW says; it must not equal the arrival. */
export function seal(at: usize): void {
  const sent = known(ntpOf(load<i64>(NOW), load<i64>(NOW, 8)));
  let receive = bswap<u64>(load<u64>(at, RECEIVE));
  if (receive == 0) {
    receive = sent;
    store<u64>(at, bswap<u64>(receive), RECEIVE);
  }
  store<u64>(at, bswap<u64>(sent == receive ? known(receive + 1) : sent), TRANSMIT);
}

/** Tells nothing but RATE: the request's own stamp stands in for all three. */
export function writeKiss(at: usize): void {
  const version = u32(load<u8>(at)) & 0x38;
  const poll = max<i32>(load<i8>(at, 2), kissPollLog2S);
  const cookie = load<u64>(at, TRANSMIT);
  store<u32>(at, KISS_FIRST | version | ((u32(poll) & 0xff) << 16));
  store<u64>(at, 0, 4);
  store<u32>(at, RATE, 12);
  store<u64>(at, 0, 16);
  store<u64>(at, cookie, ORIGIN);
  store<u64>(at, cookie, RECEIVE);
}

function ntpOf(unixS: i64, ns: i64): u64 {
  return ntpFromUnix(unixS * 1000000000 + ns);
}

/** Zero would mean "no time". */
function known(time: u64): u64 {
  return time == 0 ? 1 : time;
}
