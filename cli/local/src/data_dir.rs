//! The data directory: one running stack at a time uses it, tells other programs where it answers, and notices when it
//! is deleted.
//!
//! SQLite would let two engines share a directory, and a deleted file stays writable for as long as it is open. Both
//! lose data without an error, so both are errors here. The lock is a lock of the file `lock` by this process; the system
//! releases it when the process ends, however that happens.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time;

use crate::error::Error;

/// How often a stack looks whether its directory is still there.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// The file that says where the stack answers.
const ADDRESSES: &str = "stack.json";

/// Checks that a stack could use this directory, before time is spent on starting one. The directory is made if need
/// be.
///
/// # Errors
/// [`Error::DataDirInUse`], [`Error::DataDir`].
pub fn check_data_dir(dir: &Path) -> Result<(), Error> {
    DataDir::open(dir).map(drop)
}

/// Where a running stack answers: the content of `stack.json` in its data directory, while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningStack {
    /// The URL of the HTTP API, Lambda and EventBridge, without a slash at its end.
    pub url: String,
    /// The URL of DynamoDB.
    pub dynamodb_url: String,
    /// The names of the tables, by logical id.
    pub tables: BTreeMap<String, String>,
}

impl RunningStack {
    /// The stack that uses this data directory.
    ///
    /// # Errors
    /// [`Error::NotRunning`] if there is no such directory, or no stack that answers requests uses it;
    /// [`Error::DataDir`].
    pub fn find(dir: &Path) -> Result<Self, Error> {
        let failed = |source| Error::DataDir { dir: dir.to_owned(), source };
        let not_running = || Error::NotRunning { dir: dir.to_owned() };
        if !dir.join(ADDRESSES).exists() {
            return Err(not_running());
        }
        // A killed stack leaves its file, but not its lock. A shared lock lets several programs check at the same time.
        let lock = File::open(dir.join("lock")).map_err(failed)?;
        match lock.try_lock_shared() {
            Ok(()) => {
                let _ = lock.unlock();
                return Err(not_running());
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Read last: a stack that has just started has removed the file of the one before.
        match fs::read(dir.join(ADDRESSES)) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.into())),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(not_running()),
            Err(source) => Err(failed(source)),
        }
    }
}

/// A data directory that belongs to this stack. Dropping it releases the directory.
pub(crate) struct DataDir {
    dir: PathBuf,
    lock: File,
}

impl DataDir {
    /// Makes the directory if need be, and takes it.
    ///
    /// # Errors
    /// [`Error::DataDirInUse`], [`Error::DataDir`].
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let failed = |source| Error::DataDir { dir: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = File::options().create(true).append(true).open(dir.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                let this = Self { dir: dir.to_owned(), lock };
                // Of a stack that was killed.
                this.withdraw();
                Ok(this)
            }
            Err(TryLockError::WouldBlock) => Err(Error::DataDirInUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Tells programs that know the directory where the stack answers, from now until it is dropped.
    ///
    /// # Errors
    /// [`Error::DataDir`].
    pub(crate) fn announce(&self, stack: &RunningStack) -> Result<(), Error> {
        let failed = |source| Error::DataDir { dir: self.dir.clone(), source };
        let text = serde_json::to_vec_pretty(stack).map_err(|error| failed(error.into()))?;
        // Renamed, so that no reader sees a part of it.
        let new = self.dir.join(format!("{ADDRESSES}.new"));
        fs::write(&new, text).and_then(|()| fs::rename(&new, self.dir.join(ADDRESSES))).map_err(failed)
    }

    fn withdraw(&self) {
        // The file exists only after a stack was killed, or while this one runs.
        let _ = fs::remove_file(self.dir.join(ADDRESSES));
    }

    /// Waits until the directory has been deleted or replaced; it is checked every 250 ms.
    pub(crate) async fn deleted(&self) -> Error {
        while self.is_there() {
            time::sleep(CHECK_EVERY).await;
        }
        Error::DataDirDeleted { dir: self.dir.clone() }
    }

    /// Whether the lock file and the engine's file are still in the directory.
    fn is_there(&self) -> bool {
        self.is_mine() && self.database().exists()
    }

    /// Whether the lock file in the directory is the one that this stack holds.
    fn is_mine(&self) -> bool {
        let file = |metadata: io::Result<fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
        let held = file(self.lock.metadata());
        held.is_some() && held == file(fs::metadata(self.dir.join("lock")))
    }

    /// The engine's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("dynamodb.sqlite")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Not if the directory was replaced: the file may be another stack's then.
        if self.is_mine() {
            self.withdraw();
        }
        // Closing the file would leave it locked for as long as a process that is just being started has a copy of its
        // descriptor.
        let _ = self.lock.unlock();
    }
}
