//! Reads a run directory back.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek},
    iter::repeat_n,
    path::{Path, PathBuf},
};

use bytemuck::{AnyBitPattern, Zeroable, bytes_of_mut};
use facts::{Caller, History, IdSet, Record, SocketState, Stamped, Turns, fault::Strike, journal::Entry};

use crate::{
    EVENT_LOG_NAME, Error,
    header::{HEADER_BYTES, Header, Kind, SEALED, VERSION},
};

/// So many records are read at a time.
const PIECE_RECORDS: usize = 4096;

/// All facts of the run in this directory: `events.ndjson`, every `ledger-*.bin`, `callers-*.bin`, `turns-*.ndjson` and `journal-*.bin`; those of the
/// processes of one server (`journal-NAME.PID.bin`) are one journal, in the order in which executions began. What is
/// missing or cut is in the history (it then is not sealed); what is not of our making is an error.
pub fn read_history(directory: &Path) -> Result<History, Error> {
    let mut history = History::default();
    read_events(&directory.join(EVENT_LOG_NAME), &mut history)?;
    for (_, path) in files(directory, "ledger-", ".bin")? {
        read_into(&path, Kind::Ledger, &mut history.records, &mut history.incomplete)?;
    }
    for (_, path) in files(directory, "callers-", ".bin")? {
        read_into(&path, Kind::Callers, &mut history.callers, &mut history.incomplete)?;
    }
    for (_, path) in files(directory, "sockets-", ".ndjson")? {
        history.sockets.extend(read_sockets(&path)?);
    }
    history.sockets.sort_unstable_by_key(|socket| socket.id);
    for (name, path) in files(directory, "faults-", ".log")? {
        history.strikes.push((name, read_strikes(&path, &mut history.incomplete)?));
    }
    history.turns = read_turns(directory)?;
    for (name, path) in files(directory, "journal-", ".bin")? {
        let mut entries = Vec::new();
        read_into(&path, Kind::Journal, &mut entries, &mut history.incomplete)?;
        // `web.1234.bin` is the journal of one process of `web`.
        let server = name.split_once('.').map_or(name.as_str(), |(server, _)| server);
        match history.journals.iter_mut().find(|(known, _)| known == server) {
            Some((_, all)) => all.append(&mut entries),
            None => history.journals.push((server.to_owned(), entries)),
        }
    }
    for (_, entries) in &mut history.journals {
        entries.sort_by_key(|entry| entry.started);
        count_repeats(entries);
    }
    Ok(history)
}

/// What the masters of a run wrote down of their turns: `turns-NAME.PID.ndjson`. Works while they do.
pub fn read_turns(directory: &Path) -> Result<Vec<Turns>, Error> {
    let mut all = Vec::new();
    for (name, path) in files(directory, "turns-", ".ndjson")? {
        // A file by another name is none that a master wrote.
        let Some((target, Ok(pid))) = name.rsplit_once('.').map(|(target, pid)| (target, pid.parse())) else {
            continue;
        };
        let text = fs::read(&path).map_err(|source| Error::Read { path, source })?;
        let text = String::from_utf8_lossy(&text).into_owned();
        all.push(Turns { target: target.to_owned(), pid, text });
    }
    all.sort_by(|one, other| (&one.target, one.pid).cmp(&(&other.target, other.pid)));
    Ok(all)
}

/// The used records of one ledger file in the order in which the attempts began. Works while it is being written.
pub fn read_ledger(path: &Path) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    read_into(path, Kind::Ledger, &mut records, &mut Vec::new())?;
    Ok(records)
}

/// The used records of every ledger file of a run directory, one file behind the other. Works while they are being
/// written.
pub fn read_ledgers(directory: &Path) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    for (_, path) in files(directory, "ledger-", ".bin")? {
        read_into(&path, Kind::Ledger, &mut records, &mut Vec::new())?;
    }
    Ok(records)
}

/// The entries of one journal. Works while it is being written.
pub fn read_journal(path: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    read_into(path, Kind::Journal, &mut entries, &mut Vec::new())?;
    count_repeats(&mut entries);
    Ok(entries)
}

fn read_events(path: &Path, history: &mut History) -> Result<(), Error> {
    let text = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Stamped>(line) {
            Ok(stamped) => history.events.push(stamped),
            Err(_) => history.unreadable_lines += 1,
        }
    }
    Ok(())
}

/// Lines that were cut are left out: they are evidence, not facts.
fn read_sockets(path: &Path) -> Result<Vec<SocketState>, Error> {
    let text = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Each line was written by one call, so that only a full disk cuts one.
fn read_strikes(path: &Path, incomplete: &mut Vec<String>) -> Result<Vec<Strike>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let strikes: Vec<Strike> = text.lines().filter_map(Strike::parse).collect();
    if strikes.len() < text.lines().count() {
        incomplete.push(format!("{} has a line that was cut", path.display()));
    }
    Ok(strikes)
}

/// The files `<prefix><name><suffix>` in order of name.
fn files(directory: &Path, prefix: &str, suffix: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    let failed = |source| Error::Read { path: directory.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.and_then(|n| n.strip_prefix(prefix)).and_then(|n| n.strip_suffix(suffix)) {
            found.push((name.to_owned(), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

fn read_into<T: Kept>(
    path: &Path,
    kind: Kind,
    records: &mut Vec<T>,
    incomplete: &mut Vec<String>,
) -> Result<(), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if kind == Kind::Journal && was_never_begun(&file).map_err(failed)? {
        return Ok(());
    }
    let header = read_header(&mut file, path, kind, length, size_of::<T>())?;
    let wanted = header.claimed.min(header.capacity);
    let expected = (wanted.saturating_mul(size_of::<T>() as u64)).saturating_add(HEADER_BYTES as u64);
    if length < expected {
        return Err(Error::Short { path: path.to_owned(), expected, found: length });
    }
    // Piece by piece: what is read is still in the processor's cache when it is looked at.
    let mut piece: Vec<T> = repeat_n(T::zeroed(), PIECE_RECORDS).collect();
    let (mut left, before) = (wanted as usize, records.len());
    records.reserve(left);
    while left > 0 {
        let piece = &mut piece[..left.min(PIECE_RECORDS)];
        file.read_exact(bytemuck::cast_slice_mut(piece)).map_err(failed)?;
        records.extend(piece.iter().filter(|record| record.id() != 0));
        left -= piece.len();
    }
    let empty = wanted - (records.len() - before) as u64;
    incomplete.extend(complaint(path, kind, &header, empty));
    Ok(())
}

/// A server that was killed while it made its journal leaves an empty file, or the reserved space without a header. The
/// header counts the entries and comes before the first of them, so that nothing was executed.
fn was_never_begun(file: &File) -> io::Result<bool> {
    let mut header = Vec::new();
    file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    (&mut &*file).rewind()?;
    let is_cut = !header.is_empty() && header.len() < HEADER_BYTES;
    Ok(!is_cut && header.iter().all(|byte| *byte == 0))
}

fn read_header(
    file: &mut File,
    path: &Path,
    kind: Kind,
    length: u64,
    record_bytes: usize,
) -> Result<Header, Error> {
    let path = || path.to_owned();
    let mut header = Header::zeroed();
    file.read_exact(bytes_of_mut(&mut header)).map_err(|source| match source.kind() {
        ErrorKind::UnexpectedEof => {
            Error::Short { path: path(), expected: HEADER_BYTES as u64, found: length }
        }
        _ => Error::Read { path: path(), source },
    })?;
    if header.magic != kind.magic() {
        let found = String::from_utf8_lossy(&header.magic).into_owned();
        return Err(Error::Magic { path: path(), expected: kind.name(), found });
    }
    if header.version != VERSION {
        return Err(Error::Version { path: path(), expected: VERSION, found: header.version });
    }
    if header.record_bytes as usize != record_bytes {
        let (expected, found) = (record_bytes as u32, header.record_bytes);
        return Err(Error::RecordSize { path: path(), expected, found });
    }
    Ok(header)
}

/// Why this file is not the whole truth, if it is not. A server that was killed never seals its journal, and
/// nothing is missing for it: only what a journal turned away is.
fn complaint(path: &Path, kind: Kind, header: &Header, empty: u64) -> Option<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let turned_away = header.claimed.saturating_sub(header.capacity);
    match kind {
        _ if turned_away > 0 => Some(format!("{name} was full: {turned_away} records were turned away")),
        Kind::Ledger | Kind::Callers if header.sealed != SEALED => Some(format!("{name} was never sealed")),
        Kind::Ledger | Kind::Callers if empty > 0 => Some(format!("{name} lacks {empty} records")),
        _ => None,
    }
}

/// `Entry::repeats`: told here, so that no server has to remember ids.
fn count_repeats(entries: &mut [Entry]) {
    let mut seen = IdSet::for_about(entries.len());
    let mut again: HashMap<u64, u16> = HashMap::new();
    for entry in entries {
        entry.repeats = 0;
        if !seen.insert(entry.id) {
            let times = again.entry(entry.id).or_insert(0);
            *times = times.saturating_add(1);
            entry.repeats = *times;
        }
    }
}

trait Kept: bytemuck::Pod + AnyBitPattern {
    fn id(&self) -> u64;
}

impl Kept for Record {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Kept for Entry {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Kept for Caller {
    fn id(&self) -> u64 {
        self.connection.into()
    }
}
