//! What a kept run left, file by file, with a digest of each: so that a file that was edited, cut, lost or added since is
//! noticed. It is no signature: who edits a file can edit the manifest, too. `sha256sum -c` reads it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::Error;

/// Name of the manifest in a run directory.
pub const MANIFEST_NAME: &str = "MANIFEST.sha256";

/// Copies of the programs of a run: their versions are in the event log.
const PROGRAMS: &str = "bin";

/// So much of a file is read at a time.
const PIECE_BYTES: usize = 1 << 16;

/// What a manifest says of a run directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// Every file is what the run left.
    Holds,
    /// There is none: the run was killed before it could write it.
    Absent,
    /// One sentence for each file that is not what the run left.
    Broken(Vec<String>),
}

/// Writes the digests of all files of a run that is over.
pub fn write_manifest(directory: &Path) -> Result<(), Error> {
    let mut text = String::new();
    for (name, path) in files(directory)? {
        let digest = digest(&path).map_err(reading(&path))?;
        text.push_str(&format!("{digest}  {name}\n"));
    }
    // Under its own name only when it is whole: half a manifest would accuse files that nobody touched.
    let (draft, path) = (directory.join(".manifest"), directory.join(MANIFEST_NAME));
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path));
    written.map_err(|source| Error::Write { path, source })
}

/// Holds the files of a run directory against its manifest.
pub fn check_manifest(directory: &Path) -> Result<Manifest, Error> {
    let path = directory.join(MANIFEST_NAME);
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Manifest::Absent),
        opened => opened.map_err(reading(&path))?,
    };
    let mut said = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(reading(&path))?;
        match line.split_once("  ") {
            Some((digest, name)) => _ = said.insert(name.to_owned(), digest.to_owned()),
            None => return Ok(Manifest::Broken(vec![format!("{MANIFEST_NAME} was changed after the run")])),
        }
    }
    let mut there = files(directory)?;
    let mut broken = Vec::new();
    for (name, wanted) in &said {
        broken.extend(match there.remove(name) {
            None => Some(format!("{name} is missing")),
            Some(path) => {
                let found = digest(&path).map_err(reading(&path))?;
                (found != *wanted).then(|| format!("{name} was changed after the run"))
            }
        });
    }
    broken.extend(
        there.into_keys().filter(|name| is_read(name)).map(|name| format!("{name} was added after the run")),
    );
    Ok(if broken.is_empty() { Manifest::Holds } else { Manifest::Broken(broken) })
}

/// Whether a file of this name is a part of the history: anything else may well be somebody's notes.
fn is_read(name: &str) -> bool {
    let kinds = ["ledger-", "callers-", "sockets-", "faults-", "journal-"];
    kinds.iter().any(|kind| name.starts_with(kind))
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::Read { path, source }
}

/// The regular files below a directory, by their names from there.
fn files(directory: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    collect(directory, "", &mut found).map_err(reading(directory))?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() && name != PROGRAMS {
            collect(&entry.path(), &format!("{name}/"), found)?;
        } else if kind.is_file() && name != MANIFEST_NAME {
            found.insert(name, entry.path());
        }
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => hash.update(&piece[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
