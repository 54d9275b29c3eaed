//! The data directory: one running stack at a time uses it, and the stack notices when it is deleted.
//!
//! SQLite would let two engines share a directory, and a deleted file stays writable for as long as it is open. Both
//! lose data without an error, so both are errors here. The lock is a lock of the file `lock` by this process; the system
//! releases it when the process ends, however that happens.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time;

use crate::error::Error;

/// How often a stack looks whether its directory is still there.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// Checks that a stack could use this directory, before time is spent on starting one. The directory is made if need
/// be.
///
/// # Errors
/// [`Error::DataDirInUse`], [`Error::DataDir`].
pub fn check_data_dir(dir: &Path) -> Result<(), Error> {
    DataDir::open(dir).map(drop)
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
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(Error::DataDirInUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
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
        let file = |metadata: io::Result<fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
        let held = file(self.lock.metadata());
        held.is_some() && held == file(fs::metadata(self.dir.join("lock"))) && self.database().exists()
    }

    /// The engine's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("dynamodb.sqlite")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Closing the file would leave it locked for as long as a process that is just being started has a copy of its
        // descriptor.
        let _ = self.lock.unlock();
    }
}
