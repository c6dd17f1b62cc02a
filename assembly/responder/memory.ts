/**
 * The responder's memory map: structures of Linux (LP64, little endian) that recvmmsg fills and
 * sendmmsg reads in place, and what the responder keeps. It never grows, so that addresses given
 * to the kernel stay right. Page 0 belongs to the compiler.
 */

/** Raised whenever an address, a slot, an export or a code changes its meaning. */
export const RESPONDER_VERSION: i32 = 1;

/** Messages of one call. */
export const MESSAGES: i32 = 64;
/** Longest request that is taken whole; longer ones are no NTP. */
export const REQUEST_BYTES: usize = 2048;

const BASE: usize = 65536;

/** struct timespec: where the host reads the clock to (CLOCK_REALTIME). */
export const NOW: usize = BASE;
/** The first 24 octets of every reply, version and poll left out; written by the host. */
export const HEAD: usize = NOW + 16;
/** f64 slots COUNT_*: what became of requests, since the start. */
export const COUNTS: usize = HEAD + 24 + 24;
/** Requests in interleaved mode, left to the host: their numbers in the batch. (u32) */
export const LEFT: usize = COUNTS + 8 * 16;
/** Per message the kernel's stamp of its receipt: Unix s and ns, 0 s if there is none. (u32) */
export const STAMPS: usize = LEFT + 4 * usize(MESSAGES);

/** struct mmsghdr, to receive and to send; those to send lie without gaps. */
export const HEADERS: usize = STAMPS + 8 * usize(MESSAGES);
export const HEADER_BYTES: usize = 64;
export const REPLY_HEADERS: usize = HEADERS + HEADER_BYTES * usize(MESSAGES);
/** struct iovec. */
export const IOVECS: usize = REPLY_HEADERS + HEADER_BYTES * usize(MESSAGES);
export const IOVEC_BYTES: usize = 16;
export const REPLY_IOVECS: usize = IOVECS + IOVEC_BYTES * usize(MESSAGES);
/** struct sockaddr_in or sockaddr_in6. */
export const NAMES: usize = REPLY_IOVECS + IOVEC_BYTES * usize(MESSAGES);
export const NAME_BYTES: usize = 32;
export const CONTROLS: usize = NAMES + NAME_BYTES * usize(MESSAGES);
export const CONTROL_BYTES: usize = 128;
/** Requests, and the replies over them. A cache line between keeps them off one cache set. */
export const SLOTS: usize = CONTROLS + CONTROL_BYTES * usize(MESSAGES);
export const SLOT_BYTES: usize = REQUEST_BYTES + 64;
/** Slots of the replies in the order of REPLY_HEADERS. (u32; 1 more: it has its stamps already) */
export const REPLIES: usize = SLOTS + SLOT_BYTES * usize(MESSAGES);

/** Access rules, RULE_* of 40 bytes, the longest prefix first; written by the host. */
export const RULES: usize = REPLIES + 4 * usize(MESSAGES);
export const RULE_BYTES: usize = 40;
export const MAX_RULES: i32 = 8192;

/** Buckets of the rate limit, 40 bytes each; untouched pages cost nothing. */
export const BUCKETS: usize = RULES + RULE_BYTES * usize(MAX_RULES);
export const BUCKET_BYTES: usize = 40;
export const MAX_BUCKETS: i32 = 1 << 20;
export const MAP_END: usize = BUCKETS + BUCKET_BYTES * usize(MAX_BUCKETS);

// COUNT_*: f64 slots, in bytes
export const COUNT_RECEIVED: usize = 0;
export const COUNT_ANSWERED: usize = 8;
export const COUNT_KISSES: usize = 16;
/** Left to the host, which answers or drops them; not among the answered. */
export const COUNT_LEFT: usize = 24;
/** Longer than a slot; not among the received. */
export const COUNT_TOO_LONG: usize = 32;
/** Without a stamp of the kernel; among the received. */
export const COUNT_UNSTAMPED: usize = 40;
// Not answered, by reason
export const COUNT_SHORT: usize = 48;
export const COUNT_MALFORMED: usize = 56;
export const COUNT_VERSION: usize = 64;
export const COUNT_MODE: usize = 72;
export const COUNT_UNKNOWN_PORT: usize = 80;
export const COUNT_DENIED: usize = 88;
export const COUNT_RATE_LIMITED: usize = 96;

// struct msghdr
export const MSG_NAME: usize = 0;
export const MSG_NAME_LENGTH: usize = 8;
export const MSG_IOV: usize = 16;
export const MSG_IOV_COUNT: usize = 24;
export const MSG_CONTROL: usize = 32;
export const MSG_CONTROL_LENGTH: usize = 40;
export const MSG_FLAGS: usize = 48;
/** struct mmsghdr: bytes received. */
export const MSG_LENGTH: usize = 56;

// struct iovec
export const IOV_BASE: usize = 0;
export const IOV_LENGTH: usize = 8;
