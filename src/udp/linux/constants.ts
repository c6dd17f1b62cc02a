/** Numbers of the Linux headers, as they are on x86-64 and arm64 (asm-generic, LP64, little endian). */

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;

export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
/** These two serve epoll_create1 and eventfd as well. */
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const CLOCK_REALTIME = 0;

/** Levels of options and of control messages. */
export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_IPV6 = 41;
export const SOL_PACKET = 263;

// SOL_SOCKET
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_TIMESTAMPING = 37;
export const SO_RXQ_OVFL = 40;
export const SO_ATTACH_REUSEPORT_CBPF = 51;

// SOL_IP: IP_TTL and IP_TOS name control messages, too
export const IP_TOS = 1;
export const IP_TTL = 2;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_PMTUDISC_PROBE = 3;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_MULTICAST_ALL = 49;

// SOL_IPV6
export const IPV6_MULTICAST_IF = 17;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_ADD_MEMBERSHIP = 20;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVHOPLIMIT = 51;
export const IPV6_HOPLIMIT = 52;
export const IPV6_TCLASS = 67;

// SOL_PACKET
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_AUXDATA = 8;
/** The control message that tells of an error-queue entry, here always a transmit stamp. */
export const PACKET_TX_TIMESTAMP = 16;
export const PACKET_IGNORE_OUTGOING = 23;

// Flags of SO_TIMESTAMPING
export const TX_SOFTWARE = 1 << 1;
export const RX_SOFTWARE = 1 << 3;
export const REPORT_SOFTWARE = 1 << 4;
export const OPT_ID = 1 << 7;
export const OPT_CMSG = 1 << 10;
export const OPT_TSONLY = 1 << 11;

/** Who an error-queue entry comes from (ee_origin). */
export const ORIGIN_ICMP = 2;
export const ORIGIN_ICMP6 = 3;
export const ORIGIN_TIMESTAMPING = 4;

export const SHUT_RDWR = 2;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_WAITFORONE = 0x10000;

/** Of epoll, too. */
export const POLLIN = 1;
export const POLLERR = 8;
export const POLLNVAL = 32;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
