//! What is asked of nginx when picks are recorded, and of the balancer when they are replayed. Both make the same requests
//! from the same seeds; only nginx's answers are kept, in `picks.txt`.

use balance::{Availability, Method, Part, Setup};

/// Requests whose picks are told by one digest.
pub(crate) const REQUESTS_PER_DIGEST: u32 = 1000;
/// Letters at the start of a trace that are kept as they are.
pub(crate) const PLAIN_LETTERS: usize = 200;
/// Requests of a case that is timed come in bursts, one a second.
pub(crate) const REQUESTS_PER_BURST: u32 = 500;

/// One upstream, and the requests that are sent to it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// What stands after the address of each `server`.
    pub(crate) peers: &'static [Peer],
    pub(crate) keys: Keys,
    pub(crate) failures: Failures,
    pub(crate) clock: Clock,
    pub(crate) connections: Connections,
    pub(crate) requests: u32,
}

/// One `server`.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) weight: u32,
    pub(crate) max_conns: u32,
    pub(crate) max_fails: u32,
    pub(crate) fail_timeout_seconds: u32,
    pub(crate) availability: Availability,
}

/// What a request is told apart by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    None,
    /// Of `hash $http_x_key`.
    Words,
    /// Of `ip_hash`: clients named by `X-Forwarded-For`.
    Addresses,
}

/// How peers fail, on one request in so many for each peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    Never,
    /// With status 500, which `proxy_next_upstream http_500` retries and counts only where a peer is left.
    Status {
        one_in: u64,
    },
    /// By closing without an answer, which always counts.
    Close {
        one_in: u64,
    },
}

/// Which second it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// No window of a failure ends while requests are sent.
    Stands,
    /// It moves on by one from burst to burst.
    Ticks,
}

/// For how long a request stays on its peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// One request at a time.
    Short,
    /// Up to so many at a time; which of them ends next is drawn.
    Held { most: usize },
}

const fn peer(weight: u32) -> Peer {
    Peer { weight, max_conns: 0, max_fails: 1, fail_timeout_seconds: 10, availability: Availability::Primary }
}

const fn down(weight: u32) -> Peer {
    Peer { availability: Availability::PrimaryDown, ..peer(weight) }
}

const fn failing(weight: u32, max_fails: u32, fail_timeout_seconds: u32) -> Peer {
    Peer { max_fails, fail_timeout_seconds, ..peer(weight) }
}

const fn case(name: &'static str, method: Method, peers: &'static [Peer], keys: Keys) -> Case {
    Case {
        name,
        method,
        peers,
        keys,
        failures: Failures::Never,
        clock: Clock::Stands,
        connections: Connections::Short,
        requests: 100_000,
    }
}

const HOUR: u32 = 3600;
/// Failures that cost weight, and nobody is given up for them until there are a thousand.
const PATIENT: &[Peer] = &[
    failing(4000, 1000, HOUR),
    failing(3000, 1000, HOUR),
    failing(2000, 1000, HOUR),
    failing(500, 1000, HOUR),
];
/// Failures after which a peer is left alone for three ticks.
const STRICT: &[Peer] = &[failing(5, 3, 2), failing(2, 2, 2), failing(1, 1, 2)];
const MIXED: &[Peer] = &[peer(3), down(2), peer(1), peer(4), peer(2)];
/// Failures are not counted, so that every request meets them.
const FORGIVEN: &[Peer] =
    &[failing(3, 0, 10), down(2), failing(1, 0, 10), failing(4, 0, 10), failing(2, 0, 10)];
const RARELY: Failures = Failures::Status { one_in: 100 };
const OFTEN: Failures = Failures::Status { one_in: 3 };

pub(crate) const CASES: &[Case] = &[
    case("round_robin", Method::RoundRobin, &[peer(7), peer(3), down(5), peer(11), peer(2)], Keys::None),
    Case { failures: RARELY, ..case("round_robin_weight_lost", Method::RoundRobin, PATIENT, Keys::None) },
    Case {
        failures: Failures::Status { one_in: 300 },
        clock: Clock::Ticks,
        requests: 24 * REQUESTS_PER_BURST,
        ..case("round_robin_windows", Method::RoundRobin, STRICT, Keys::None)
    },
    Case {
        failures: Failures::Close { one_in: 4 },
        requests: 10_000,
        ..case(
            "round_robin_backup",
            Method::RoundRobin,
            &[
                failing(3, 0, 10),
                Peer { availability: Availability::Backup, ..failing(2, 0, 10) },
                failing(1, 0, 10),
                Peer { availability: Availability::Backup, ..failing(1, 0, 10) },
            ],
            Keys::None,
        )
    },
    case("ip_hash", Method::IpHash, &[peer(1), peer(2)], Keys::Addresses),
    Case { requests: 20_000, ..case("ip_hash_down", Method::IpHash, MIXED, Keys::Addresses) },
    Case {
        failures: OFTEN,
        requests: 20_000,
        ..case("ip_hash_failing", Method::IpHash, FORGIVEN, Keys::Addresses)
    },
    case("hash", Method::Hash, MIXED, Keys::Words),
    Case { failures: OFTEN, requests: 20_000, ..case("hash_failing", Method::Hash, FORGIVEN, Keys::Words) },
    case("consistent", Method::ConsistentHash, MIXED, Keys::Words),
    Case {
        failures: OFTEN,
        requests: 20_000,
        ..case("consistent_failing", Method::ConsistentHash, FORGIVEN, Keys::Words)
    },
    case("random", Method::Random, &[peer(5), peer(1), down(2), peer(3)], Keys::None),
    case("random_two", Method::RandomTwo, &[peer(5), peer(1), peer(2), peer(3)], Keys::None),
    Case {
        connections: Connections::Held { most: 24 },
        ..case(
            "least_conn",
            Method::LeastConn,
            &[peer(3), down(9), peer(1), Peer { max_conns: 4, ..peer(4) }, peer(2)],
            Keys::None,
        )
    },
];

/// The parts of `split_clients`, and how they are written.
pub(crate) const PARTS: &[(Part, &str)] = &[
    (Part::Hundredths(1_000), "10%"),
    (Part::Hundredths(50), "0.5%"),
    (Part::Hundredths(3_333), "33.33%"),
    (Part::Rest, "*"),
];
pub(crate) const SPLIT_NAME: &str = "split_clients";
pub(crate) const SPLIT_REQUESTS: u32 = 100_000;

impl Case {
    pub(crate) fn setups(&self) -> Vec<Setup> {
        let setup = |(index, peer): (usize, &Peer)| Setup {
            name: address(index),
            weight: peer.weight,
            max_conns: peer.max_conns,
            max_fails: peer.max_fails,
            fail_timeout_seconds: peer.fail_timeout_seconds,
            availability: peer.availability,
            ejection: None,
        };
        self.peers.iter().enumerate().map(setup).collect()
    }

    /// Whether its picks are chance, and only their shares are kept.
    pub(crate) fn is_drawn(&self) -> bool {
        matches!(self.method, Method::Random | Method::RandomTwo)
    }

    /// The requests, in order.
    pub(crate) fn stream(&self) -> Stream {
        Stream {
            numbers: Numbers::of(self.name),
            keys: self.keys,
            failures: self.failures,
            peers: self.peers.len(),
        }
    }
}

/// Where a peer listens. A consistent hash depends on it.
pub(crate) fn address(index: usize) -> String {
    format!("127.77.0.{}:18081", index + 1)
}

pub(crate) fn letter(index: usize) -> char {
    char::from(b'a' + u8::try_from(index).expect("a handful of peers"))
}

/// One request.
pub(crate) struct Request {
    pub(crate) key: String,
    /// The letters of the peers that fail it.
    pub(crate) failing: String,
}

/// Requests without end.
pub(crate) struct Stream {
    numbers: Numbers,
    keys: Keys,
    failures: Failures,
    peers: usize,
}

impl Iterator for Stream {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let key = match self.keys {
            Keys::None => String::new(),
            Keys::Words => word(&mut self.numbers),
            Keys::Addresses => client(&mut self.numbers),
        };
        let one_in = match self.failures {
            Failures::Never => return Some(Request { key, failing: String::new() }),
            Failures::Status { one_in } | Failures::Close { one_in } => one_in,
        };
        let failing = (0..self.peers).filter(|_| self.numbers.below(one_in) == 0).map(letter).collect();
        Some(Request { key, failing })
    }
}

/// 1 to 24 characters.
fn word(numbers: &mut Numbers) -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.";
    let length = 1 + numbers.below(24);
    (0..length).map(|_| char::from(ALPHABET[numbers.below(ALPHABET.len() as u64) as usize])).collect()
}

/// Three in four of IPv4.
fn client(numbers: &mut Numbers) -> String {
    let (kind, number) = (numbers.below(4), numbers.next());
    if kind > 0 {
        return std::net::Ipv4Addr::from_bits(number as u32).to_string();
    }
    let high = 0x2001_0db8_u128 << 96;
    std::net::Ipv6Addr::from_bits(high | u128::from(number)).to_string()
}

/// Splitmix64: the same numbers everywhere and for ever.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// A stream for each name.
    pub(crate) fn of(name: &str) -> Self {
        Numbers(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The next key of `split_clients`.
pub(crate) fn split_key(numbers: &mut Numbers) -> String {
    word(numbers)
}

/// Which of the held requests end before the next one begins, by their places, the last one first. Now few are held, now
/// many; never all that may be.
pub(crate) fn ends(numbers: &mut Numbers, held: usize, most: usize) -> Vec<usize> {
    let (least, drawn) = (usize::from(held == most), numbers.below(4) as usize);
    let count = if drawn == 3 { numbers.below(held as u64 + 1) as usize } else { drawn.min(1) };
    (0..count.max(least).min(held)).map(|ended| numbers.below((held - ended) as u64) as usize).collect()
}

/// What came of all requests of a case, as `picks.txt` keeps it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) picks: u64,
    plain: String,
    digests: Vec<u32>,
    window: String,
    requests: u32,
}

impl Trace {
    /// The letters of the peers that one request tried, in order; `!` if it then found none.
    pub(crate) fn push(&mut self, tried: &str) {
        self.picks += tried.chars().filter(|letter| *letter != '!').count() as u64;
        self.window.push_str(tried);
        self.window.push(' ');
        self.requests += 1;
        if self.requests.is_multiple_of(REQUESTS_PER_DIGEST) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.plain.is_empty() {
            self.plain = self.window.chars().take(PLAIN_LETTERS).collect();
        }
        self.digests.push(crc32fast::hash(self.window.as_bytes()));
        self.window.clear();
    }

    /// The lines of a whole case.
    pub(crate) fn lines(&self, name: &str) -> String {
        assert!(self.window.is_empty(), "requests come in whole digests");
        let digests: Vec<String> = self.digests.iter().map(|digest| format!("{digest:08x}")).collect();
        let digests: Vec<String> = digests.chunks(12).map(|line| line.join(" ")).collect();
        format!(
            "case {name} requests {} picks {}\n{}\n{}\n\n",
            self.requests,
            self.picks,
            self.plain.trim_end(),
            digests.join("\n")
        )
    }
}
