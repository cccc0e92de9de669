//! The data directory: its lock, and the encryption key that is made in it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::settings::EncryptionKeys;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const LOCK: &str = "lock";
const KEY: &str = "encryption.key";
const DATABASE: &str = "flow-runner.db";

/// A data directory that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process has it.
    #[error(
        "{0} is in use by another flow-runner process; stop that one, or set FLOW_RUNNER_DATA_DIR to another directory"
    )]
    InUse(PathBuf),
    /// Another process has the database that `DATABASE_URL` names.
    #[error("{0} is in use by another flow-runner process; stop that one, or set DATABASE_URL to another file")]
    DatabaseInUse(PathBuf),
    /// A file in it can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key file doesn't hold a key.
    #[error("{path} holds no key: {reason}")]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A directory that this process owns; the lock dies with the process.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    database: PathBuf,
    /// Hold the locks for as long as they are open.
    _locks: Vec<File>,
}

impl DataDirectory {
    /// Makes the directory where there is none, readable by its owner only, and locks it. `database` is where its database
    /// is instead of in it; that is locked too.
    pub fn own(path: &Path, database: Option<&Path>) -> Result<Self, DirectoryError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DirectoryError::Io { path, source }
        };
        if !path.is_dir() {
            fs::create_dir_all(path).map_err(failed(path))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed(path))?;
        }
        let in_use = || DirectoryError::InUse(path.to_owned());
        let mut locks = vec![lock(&path.join(LOCK))?.ok_or_else(in_use)?];
        if let Some(database) = database {
            let mut beside = database.as_os_str().to_owned();
            beside.push("-lock");
            let in_use = || DirectoryError::DatabaseInUse(database.to_owned());
            locks.push(lock(Path::new(&beside))?.ok_or_else(in_use)?);
        }
        let database = database.map_or_else(|| path.join(DATABASE), Path::to_owned);
        // Made here for its mode: SQLite gives its log and index the mode of the file.
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&database);
        file.map_err(failed(&database))?;
        Ok(Self { path: path.to_owned(), database, _locks: locks })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// The keys for this directory's access tokens: those that are set, and behind them the one that was made here
    /// before any was set; else the one that is made here.
    pub fn key_ring(&self, set: Option<EncryptionKeys>) -> Result<EncryptionKeys, DirectoryError> {
        match set {
            None => self.encryption_keys(),
            Some(mut keys) => {
                if self.path.join(KEY).exists() {
                    keys.0.extend(self.encryption_keys()?.0);
                }
                Ok(keys)
            }
        }
    }

    /// The key that access tokens are encrypted with; made at the first start, mode 0600.
    pub fn encryption_keys(&self) -> Result<EncryptionKeys, DirectoryError> {
        let path = self.path.join(KEY);
        let failed = |source| DirectoryError::Io { path: path.clone(), source };
        if !path.exists() {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| failed(io::Error::other(error.to_string())))?;
            // Written beside it and renamed: a kill in between leaves no half key.
            let beside = self.path.join(format!("{KEY}.new"));
            let mut file =
                OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside).map_err(failed)?;
            writeln!(file, "{}", STANDARD.encode(key)).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            fs::rename(&beside, &path).map_err(failed)?;
            File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(failed)?;
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        text.trim().parse().map_err(|reason| DirectoryError::Key { path: path.clone(), reason })
    }
}

/// Locks a file, unless another process has.
fn lock(path: &Path) -> Result<Option<File>, DirectoryError> {
    let failed = |source| DirectoryError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_elsewhere_has_one_owner_too() {
        let parent = tempfile::tempdir().unwrap();
        let database = parent.path().join("elsewhere.db");
        let first = DataDirectory::own(&parent.path().join("a"), Some(&database)).unwrap();
        assert_eq!(first.database(), database);
        let second = DataDirectory::own(&parent.path().join("b"), Some(&database));
        assert!(matches!(second, Err(DirectoryError::DatabaseInUse(_))));
    }

    #[test]
    fn a_directory_has_one_owner_and_keeps_its_key() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = DataDirectory::own(&path, None).unwrap();
        let key = first.encryption_keys().unwrap().0;
        assert!(matches!(DataDirectory::own(&path, None), Err(DirectoryError::InUse(_))));
        drop(first);
        assert_eq!(DataDirectory::own(&path, None).unwrap().encryption_keys().unwrap().0, key);
        assert_eq!(fs::metadata(path.join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
