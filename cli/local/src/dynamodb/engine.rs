//! The embedded DynamoDB.
//!
//! It has a thread and a runtime of its own, because its SQLite calls block. The runtime has two workers, so that the
//! endpoint reads and writes HTTP while the engine works.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use axum::serve::ListenerExt;
use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::{runtime, time};
use uuid::Uuid;

use super::endpoint;
use crate::error::Error;
use crate::listen::bind;
use crate::shutdown::Shutdown;

/// How often expired items are deleted. The engine does not do that by itself.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// A pause is at least so many times as long as the sweep before it.
const SWEEP_SHARE: u32 = 20;

/// A running engine.
pub(crate) struct Engine {
    /// Its URL.
    pub(crate) url: String,
    /// Its database, for access without HTTP.
    pub(crate) database: Database,
    /// The name of the database for SQLite: a path, or a URI.
    pub(crate) file: String,
}

/// Starts the engine on a file, or in memory.
///
/// # Errors
/// [`Error::PortTaken`], [`Error::Listen`], [`Error::Engine`].
pub(crate) fn start(file: Option<&Path>, port: u16, shutdown: &Shutdown) -> Result<Engine, Error> {
    let failed = |error: &dyn ToString| Error::Engine(error.to_string());
    let listener = bind(port, "--dynamodb-port")?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let file = match file {
        Some(file) => {
            let name = file.to_str().map(str::to_owned);
            name.ok_or_else(|| Error::Engine(format!("{}: the path isn't UTF-8", file.display())))?
        }
        // In memory, but with a name, so that a second connection finds it.
        None => format!("file:/carnet-{}?vfs=memdb", Uuid::new_v4()),
    };
    let database = Database::new(&file).map_err(|error| Error::Engine(format!("{file}: {error}")))?;
    let (ended, end) = oneshot::channel::<()>();
    let (stop, tables) = (shutdown.clone(), database.clone());
    let thread = thread::Builder::new().name("dynamodb".into()).spawn(move || {
        // Without a runtime the engine does not answer, which the first request to it reports.
        if let Ok(runtime) = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            let _ = runtime.block_on(serve(listener, tables, stop));
        }
        // The database is closed now; dropping the sender tells the task below.
        drop(ended);
    });
    thread.map_err(|error| failed(&error))?;
    shutdown.spawn(async { drop(end.await) });
    Ok(Engine { url: format!("http://{address}"), database, file })
}

async fn serve(listener: std::net::TcpListener, database: Database, shutdown: Shutdown) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    // Nagle's algorithm would delay small responses by 40 ms.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let serving = axum::serve(listener, endpoint::router(database.clone())).with_graceful_shutdown(shutdown.begun());
    let engine = async {
        tokio::select! {
            _ = serving.into_future() => {}
            () = sweep(&database) => {}
        }
    };
    shutdown.serve(engine).await;
    Ok(())
}

async fn sweep(database: &Database) {
    loop {
        let begun = Instant::now();
        // After a failed sweep the items wait for the next one; in DynamoDB itself they may wait for days.
        let _ = database.sweep_ttl();
        // A sweep reads all items, and requests wait for it: with many items, sweeps are rarer.
        time::sleep(SWEEP_EVERY.max(begun.elapsed() * SWEEP_SHARE)).await;
    }
}
