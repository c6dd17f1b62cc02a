/**
 * The memory map: the one page an embedder needs beside README "ABI". Everything lies at fixed
 * addresses in a memory that never grows (initial = maximum), so views never detach. Page 0 belongs
 * to the compiler (static data); the map starts at 64 KiB. All values little-endian.
 *
 * Units: times i64 ns since the Unix epoch, NTP stamps u64 in 2^-32 s, results f64 in seconds.
 */

/** Raised whenever an address, a slot, a unit, an export or a code changes its meaning. */
export const ABI_VERSION: i32 = 1;

/** How many paths one clock can have, a multiple of 4; the build constant behind ERROR_FULL. */
export const MAX_PATHS: i32 = 256;
/** Records one batch call takes. */
export const MAX_BATCH: i32 = 2048;

const BASE: usize = 65536;

/** One NTP packet, 48 bytes in wire form; written by the host, read by ntpExchange. */
export const PACKET: usize = BASE;
const PACKET_BYTES: usize = 64;

/** The combined clock: f64 slots, see CLOCK_*; written by the core after each exchange. */
export const CLOCK: usize = PACKET + PACKET_BYTES;
export const CLOCK_BYTES: usize = 20 * 8;

/** The clock carried to the time asked of clockAt: f64 slots, see AT_*. */
export const AT: usize = CLOCK + CLOCK_BYTES;
const AT_BYTES: usize = 4 * 8;

/** Per-path reports, PATH_BYTES apart: f64 slots, see PATH_*. */
export const PATHS: usize = AT + AT_BYTES;
export const PATH_BYTES: usize = 34 * 8;

/** Batch input: RECORD_BYTES apart, see RECORD_*. ntpExchange leaves its record in slot 0. */
export const RECORDS: usize = PATHS + PATH_BYTES * usize(MAX_PATHS);
export const RECORD_BYTES: usize = 40;

/** Batch output, one RESULT_BYTES row per record: f64 slots, see RESULT_*. */
export const RESULTS: usize = RECORDS + RECORD_BYTES * usize(MAX_BATCH);
export const RESULT_BYTES: usize = 12 * 8;
/** What measureBatch and selectBatch write to RESULTS instead, as close together. */
export const MEASURED_BYTES: usize = 3 * 8;
export const SELECTED_BYTES: usize = 4 * 8;
/** What selectBatch reads from RECORDS: intervals. */
export const INTERVAL_BYTES: usize = 2 * 8;

/** What became of paths and clock since takeVerdicts was called last: f64 slots, see VERDICT_*. */
export const VERDICTS: usize = RESULTS + RESULT_BYTES * usize(MAX_BATCH);
export const VERDICT_BYTES: usize = 12 * 8;
/** Rows there are; what finds no room is told later. */
export const MAX_VERDICTS: i32 = 1024;

// --- private state of the core, no address promised -------------------------------------------

/** Per-path statistics that no report shows (path.ts): f64 slots. */
export const STATS: usize = VERDICTS + VERDICT_BYTES * usize(MAX_VERDICTS);
export const STATS_BYTES: usize = 34 * 8;

/** RFC 5905 clock filters (clockfilter.ts): one block for two paths, their slots side by side. */
export const FILTERS: usize = STATS + STATS_BYTES * usize(MAX_PATHS);
export const FILTER_BYTES: usize = (5 + 8 * 5) * 16;

/** Scratch columns for sorting and sweeping, 4 f64 columns of 4 × MAX_PATHS. */
export const SCRATCH: usize = FILTERS + FILTER_BYTES * usize((MAX_PATHS + 1) >> 1);
export const SCRATCH_COLUMN: usize = 4 * 8 * usize(MAX_PATHS);

/** Joint Kalman filter, per-path scalars (kalman.ts): f64 slots. */
export const KALMAN: usize = SCRATCH + 4 * SCRATCH_COLUMN;
export const KALMAN_BYTES: usize = 56 * 8;

/** Columns over paths, COLUMN_BYTES each: bias, covariance with offset, with frequency, one gain. */
export const COLUMN_BYTES: usize = 8 * usize((MAX_PATHS + 1) & ~1);
export const BIAS: usize = KALMAN + KALMAN_BYTES * usize(MAX_PATHS);
export const CROSS_OFFSET: usize = BIAS + COLUMN_BYTES;
export const CROSS_FREQUENCY: usize = CROSS_OFFSET + COLUMN_BYTES;
export const COLUMN: usize = CROSS_FREQUENCY + COLUMN_BYTES;

/** Bias covariance block, row major; a cache line between rows keeps columns off one cache set. */
export const COVARIANCE: usize = COLUMN + COLUMN_BYTES;
export const COVARIANCE_ROW: usize = COLUMN_BYTES + 64;

/** Candidate wanders (wander.ts): 8 columns of 8 f64. */
export const WANDER: usize = COVARIANCE + COVARIANCE_ROW * usize(MAX_PATHS);

/** Least spans of braid: per path two blocks × two directions, f64. */
export const SPANS: usize = WANDER + 8 * 8 * 8;
export const SPANS_BYTES: usize = 4 * 8;

/** The quickest exchange of each path (quickest.ts): offset, delay, axis time. */
export const QUICKEST: usize = SPANS + SPANS_BYTES * usize(MAX_PATHS);
export const QUICKEST_BYTES: usize = 3 * 8;

/** One path's own filter (track.ts) and its place in the failover set (failover.ts): f64 slots. */
export const TRACKS: usize = QUICKEST + QUICKEST_BYTES * usize(MAX_PATHS);
export const TRACK_BYTES: usize = 24 * 8;

/** The fresh paths carried to now (pool.ts): 8 columns over paths. */
export const POOL: usize = TRACKS + TRACK_BYTES * usize(MAX_PATHS);

/** Which direction of a path's delay moved (shift.ts): f64 slots. */
export const SHIFTS: usize = POOL + 8 * COLUMN_BYTES;
export const SHIFT_BYTES: usize = 124 * 8;

/** Peers of a round and their survivors (rfc5905.ts, cluster.ts): 8 columns over paths. */
export const PEERS: usize = SHIFTS + SHIFT_BYTES * usize(MAX_PATHS);

/** Edges of intervals, and the same sorted (intersect.ts): 10 columns over paths, two longer by 16. */
export const EDGES: usize = PEERS + 8 * COLUMN_BYTES;

/** What came last in each direction of a path by itself (sides.ts). */
export const SIDES: usize = EDGES + 10 * COLUMN_BYTES + 2 * 16;
export const SIDES_BYTES: usize = 16 * 8;

/** First byte past the map; must stay below the fixed memory size (a test looks). */
export const MAP_END: usize = SIDES + SIDES_BYTES * usize(MAX_PATHS);

// --- slots, in bytes from the start of a row ---------------------------------------------------

/** 1 once there is a combined clock, else 0 (then the other slots mean nothing). */
export const CLOCK_VALID: usize = 0;
/** Whole seconds of the offset: offset = base + rest. Keeps ns when clocks differ by decades. */
export const CLOCK_BASE_S: usize = 8;
export const CLOCK_REST_S: usize = 16;
/** Remote rate / local rate − 1, s/s. */
export const CLOCK_FREQUENCY: usize = 24;
/** 1 sigma of the offset, s. */
export const CLOCK_UNCERTAINTY_S: usize = 32;
/** 1 sigma of the frequency, s/s. */
export const CLOCK_FREQUENCY_UNCERTAINTY: usize = 40;
/** Safe interval of the offset, relative to CLOCK_BASE_S, s. */
export const CLOCK_EARLIEST_S: usize = 48;
export const CLOCK_LATEST_S: usize = 56;
/** Paths that carried weight in the last update. */
export const CLOCK_PATHS: usize = 64;
/** Local times the core saw stepping (restarts of the offset). */
export const CLOCK_STEPS: usize = 72;
/** Share of the bound that is asymmetry, s. */
export const CLOCK_ASYMMETRY_BOUND_S: usize = 80;
/** Exchanges and one-way measurements taken and refused so far. */
export const CLOCK_TAKEN: usize = 88;
export const CLOCK_REFUSED: usize = 96;
/** Random-walk coefficient of the frequency in use, s²/s³. */
export const CLOCK_WANDER: usize = 104;
/** Causal interval of the offset, relative to CLOCK_BASE_S, s; ±1e11: nothing known (causal.ts). */
export const CLOCK_CAUSAL_EARLIEST_S: usize = 112;
export const CLOCK_CAUSAL_LATEST_S: usize = 120;
/** Exchanges that contradicted the causal interval. */
export const CLOCK_CONTRADICTIONS: usize = 128;
/** Do the paths agree: AGREE_*, and since when, local Unix s. */
export const CLOCK_AGREEMENT: usize = 136;
export const CLOCK_AGREED_AT_S: usize = 144;
/** Size of the last step counted (new − old offset), s; 0 if it is not known. */
export const CLOCK_STEP_S: usize = 152;

export const AT_REST_S: usize = 0; // offset − base
export const AT_UNCERTAINTY_S: usize = 8;
export const AT_EARLIEST_S: usize = 16; // relative to base
export const AT_LATEST_S: usize = 24;

export const PATH_OPEN: usize = 0; // 1 or 0; 2: open, but without a vote (PATH_SHARES)
export const PATH_STATE: usize = 8; // STATE_*
export const PATH_REASON: usize = 16; // REASON_*
export const PATH_REASON_S: usize = 24; // the figure in the reason's sentence, s
export const PATH_TAKEN: usize = 32; // exchanges taken, those put together of one-way spans, too
export const PATH_REFUSED: usize = 40; // exchanges refused
export const PATH_OFFSET_S: usize = 48; // last raw offset, relative to CLOCK_BASE_S
export const PATH_DELAY_S: usize = 56; // last delay
export const PATH_FLOOR_S: usize = 64; // least delay in memory
export const PATH_EXCESS_S: usize = 72; // mean of delay − floor
export const PATH_JITTER_S: usize = 80; // RMS of successive offset differences / √2
export const PATH_ASYMMETRY_S: usize = 88; // (forward − reverse)/2 as the combiner sees it
export const PATH_ASYMMETRY_SIGMA_S: usize = 96;
export const PATH_WEIGHT: usize = 104; // share in the combination, [0, 1]
export const PATH_NOISE_S: usize = 112; // 1 sigma given to the last measurement
export const PATH_RESIDUAL_S: usize = 120; // last measurement − prediction
export const PATH_AT_S: usize = 128; // local receive of the last one, s since the first exchange
export const PATH_INTERVAL_S: usize = 136; // mean spacing of exchanges
export const PATH_GATED: usize = 144; // measurements the combiner set aside
export const PATH_REVERSE_S: usize = 152; // last local→remote span, relative to base
export const PATH_FORWARD_S: usize = 160; // last remote→local span, relative to base
export const PATH_CONTRADICTS: usize = 168; // 1: its last exchange contradicted the causal interval
export const PATH_SINCE_S: usize = 176; // since when the reason holds, local Unix s; 0: not known
export const PATH_SHIFT_REVERSE_S: usize = 184; // how far its delay local→remote moved since then, s
export const PATH_SHIFT_FORWARD_S: usize = 192; // the same remote→local; both 0 where nobody looks
export const PATH_SHARES: usize = 200; // 1 + index of the path it shares its route with; 0: none
export const PATH_REVERSES: usize = 208; // one-way measurements taken, local→remote
export const PATH_FORWARDS: usize = 216; // the same, remote→local
export const PATH_USER_SENDS: usize = 224; // local stamps taken, by whose they were (STAMP_*)
export const PATH_USER_RECEIVES: usize = 232;
export const PATH_KERNEL_SENDS: usize = 240;
export const PATH_KERNEL_RECEIVES: usize = 248;
export const PATH_VOTE: usize = 256; // what its voice counts in majorities, [0, 1]; 1 unless told

export const VERDICT_ORDER: usize = 0; // exchanges the core was given, this one included
export const VERDICT_AT_S: usize = 8; // newest local receive, Unix s
export const VERDICT_PATH: usize = 16; // index; −1: about the clock
export const VERDICT_STATE: usize = 24; // STATE_*; of the clock AGREE_*
export const VERDICT_REASON: usize = 32; // REASON_*; of the clock CLOCK_STEPS
export const VERDICT_REASON_S: usize = 40; // as PATH_REASON_S; of the clock CLOCK_STEP_S
export const VERDICT_SINCE_S: usize = 48; // as PATH_SINCE_S; of the clock CLOCK_AGREED_AT_S
export const VERDICT_SHIFT_REVERSE_S: usize = 56;
export const VERDICT_SHIFT_FORWARD_S: usize = 64;
export const VERDICT_LIES: usize = 72; // 1: it contradicted the causal interval of late
export const VERDICT_INTERVAL_S: usize = 80; // as PATH_INTERVAL_S; of the clock the mean over paths
export const VERDICT_GAP_S: usize = 88; // of the clock: no path was heard for so long beyond its turn

export const RECORD_PATH: usize = 0; // u32
export const RECORD_KIND: usize = 4; // u32, KIND_*, and whose the local stamps are
// an exchange: KIND_UNIX or KIND_NTP
export const RECORD_LOCAL_SEND: usize = 8; // i64 Unix ns
export const RECORD_REMOTE_RECEIVE: usize = 16; // KIND_NTP: u64 2^-32 s · KIND_UNIX: i64 Unix ns
export const RECORD_REMOTE_SEND: usize = 24; // as remote receive
export const RECORD_LOCAL_RECEIVE: usize = 32; // i64 Unix ns
// a one-way measurement: KIND_FORWARD or KIND_REVERSE; bytes 8..15 mean nothing
export const RECORD_CORRECTION: usize = 16; // i64 2^-16 ns, taken off the span
export const RECORD_REMOTE: usize = 24; // i64 Unix ns: forward: when it was sent; reverse: received
export const RECORD_LOCAL: usize = 32; // i64 Unix ns: forward: when it was received; reverse: sent

export const KIND_UNIX: u32 = 0;
export const KIND_NTP: u32 = 1;
/** One way remote→local (PTP: Sync). */
export const KIND_FORWARD: u32 = 2;
/** One way local→remote (PTP: Delay_Req). */
export const KIND_REVERSE: u32 = 3;
/**
 * Whose local stamps, STAMP_* each, beside KIND_*: that of sending (an exchange's, or a reverse
 * measurement's only one) and that of receiving. 0, as in records older than this: not told.
 */
export const STAMP_SEND_SHIFT: u32 = 8;
export const STAMP_RECEIVE_SHIFT: u32 = 10;
/** What of RECORD_KIND is the kind itself; bits beyond both are an unknown kind. */
export const KIND_MASK: u32 = 0xfffff0ff;
/** Read by a program: before the packet left, after it came. */
export const STAMP_USER: u32 = 1;
export const STAMP_KERNEL: u32 = 2;

export const RESULT_STATUS: usize = 0; // STATUS_* or ERROR_*
export const RESULT_VALID: usize = 8;
export const RESULT_OFFSET_S: usize = 16; // base + rest in one f64
export const RESULT_UNCERTAINTY_S: usize = 24;
export const RESULT_EARLIEST_S: usize = 32;
export const RESULT_LATEST_S: usize = 40;
export const RESULT_FREQUENCY: usize = 48;
export const RESULT_PATH_STATE: usize = 56;
export const RESULT_PATH_REASON: usize = 64;
export const RESULT_PATH_OFFSET_S: usize = 72; // the raw offset of this exchange, base included
export const RESULT_CAUSAL_EARLIEST_S: usize = 80;
export const RESULT_CAUSAL_LATEST_S: usize = 88;

export const MEASURED_STATUS: usize = 0; // STATUS_USED, _ORDER or _HOLD, or ERROR_KIND
export const MEASURED_OFFSET_S: usize = 8; // remote − local less the base; 0 unless used
export const MEASURED_DELAY_S: usize = 16;

export const INTERVAL_OFFSET_S: usize = 0; // middle
export const INTERVAL_HALF_S: usize = 8; // root distance, >= 0

export const SELECTED_FOUND: usize = 0; // 1, or 0 if half of the intervals or more stay out
export const SELECTED_LOW_S: usize = 8; // the intersection
export const SELECTED_HIGH_S: usize = 16;
export const SELECTED_MEMBERS: usize = 24; // intervals that meet it

// --- codes -------------------------------------------------------------------------------------

export const STATUS_USED: i32 = 0;
/** Counted in the path's statistics, but the combiner gave it no weight. */
export const STATUS_HELD: i32 = 1;
/** Same stamps as the path's last exchange (of that direction, if it is one way). */
export const STATUS_DUPLICATE: i32 = 2;
/** Received before sent, on either side. */
export const STATUS_ORDER: i32 = 3;
/** The remote side held the packet longer than the whole exchange took. */
export const STATUS_HOLD: i32 = 4;
/** Older than LATE_S before the newest exchange. */
export const STATUS_LATE: i32 = 5;

export const ERROR_PATH: i32 = -1; // path index not open
export const ERROR_KIND: i32 = -2; // record kind unknown
export const ERROR_BATCH: i32 = -3; // batch longer than its area
export const ERROR_FULL: i32 = -4; // all MAX_PATHS paths are open
export const ERROR_COMBINER: i32 = -5; // no such combiner

export const STATE_CLOSED: i32 = 0;
export const STATE_WARMING: i32 = 1;
export const STATE_GOOD: i32 = 2;
export const STATE_CONGESTED: i32 = 3;
export const STATE_QUARANTINED: i32 = 4;
export const STATE_CHANGED: i32 = 5;
export const STATE_STALE: i32 = 6;
export const STATE_STANDBY: i32 = 7;
export const STATE_SAME_ROUTE: i32 = 8;

export const REASON_NONE: i32 = 0;
export const REASON_FEW: i32 = 1; // too few exchanges yet
export const REASON_QUEUE: i32 = 2; // delay stays above its floor by REASON_S
export const REASON_DISAGREES: i32 = 3; // offset is REASON_S away from the majority
export const REASON_JUMPED: i32 = 4; // offset jumped by REASON_S, others did not
export const REASON_SILENT: i32 = 5; // no exchange for REASON_S
export const REASON_FALSETICKER: i32 = 6; // interval misses the intersection (RFC 5905 §11.2.1)
export const REASON_OUTLYING: i32 = 7; // pruned by the cluster algorithm (RFC 5905 §11.2.2)
export const REASON_NOT_BEST: i32 = 8; // another path is better
export const REASON_NO_MAJORITY: i32 = 9; // paths disagree and none has a majority
export const REASON_PANIC: i32 = 10; // no random sample agreed: the middle third of all (khronos)
export const REASON_ONE_SIDED: i32 = 11; // offset shifts with its delay by REASON_S: see PATH_SHIFT_*
export const REASON_CONTRADICTS: i32 = 12; // as DISAGREES, and its stamps contradict what all paths allow
export const REASON_HOLDOVER: i32 = 13; // as NO_MAJORITY, and no clean history to go on from
export const REASON_REROUTED: i32 = 14; // the round trip moved by REASON_S: see PATH_SHIFT_*
export const REASON_SHARED: i32 = 15; // same route as another path, so no vote of its own
export const REASON_ONE_WAY: i32 = 16; // one direction only is heard, no exchange for REASON_S

export const AGREE_FEW: i32 = 0; // fewer than two paths to compare
export const AGREE_MAJORITY: i32 = 1;
/** No majority: the clock stays with what the paths agreed on before. */
export const AGREE_HISTORY: i32 = 2;
/** No majority and no clean history: the clock is held over, its bound reaches all paths. */
export const AGREE_HOLDOVER: i32 = 3;
