//! The embedded DynamoDB.
//!
//! It has a thread and a runtime of its own, because its SQLite calls block.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dynoxide::{Database, server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::{runtime, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, Life, Store, bind, until_overdue};

/// Items past their expiry go at this pace. The engine doesn't sweep by itself.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// A running engine.
pub(super) struct Engine {
    /// Its address.
    pub(super) url: String,
    /// Its tables, without the way over HTTP.
    pub(super) database: Database,
    /// Where they are, for SQLite: a path, or a URI.
    pub(super) file: String,
}

/// Starts the engine for a store that isn't a server already.
pub(super) fn start(store: &Store, port: u16, life: &Life) -> Result<Engine, Error> {
    let failed = |error: &dyn ToString| Error::Engine(error.to_string());
    let listener = bind(port, "--dynamodb-port")?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let file = match store {
        Store::Dir(dir) => file(dir)?,
        // In memory, but with a name, so that a second connection finds it.
        _ => format!("file:/carnet-{}?vfs=memdb", Uuid::new_v4()),
    };
    let database = Database::new(&file).map_err(|error| Error::Engine(format!("{file}: {error}")))?;
    let (ended, end) = oneshot::channel::<()>();
    let (stop, tables) = (life.stop.clone(), database.clone());
    let thread = thread::Builder::new().name("dynamodb".into()).spawn(move || {
        // Without a runtime there is no engine, which the first request to it will report.
        if let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() {
            let _ = runtime.block_on(serve(listener, tables, stop));
        }
        // The database is closed by now; dropping the sender says so.
        drop(ended);
    });
    thread.map_err(|error| failed(&error))?;
    life.tasks.spawn(async { drop(end.await) });
    Ok(Engine { url: format!("http://{address}"), database, file })
}

async fn serve(listener: std::net::TcpListener, database: Database, stop: CancellationToken) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let serving = server::serve_with_shutdown(listener, database.clone(), stop.clone().cancelled_owned());
    let engine = async {
        tokio::select! {
            _ = serving => {}
            () = sweep(&database) => {}
        }
    };
    until_overdue(stop, engine).await;
    Ok(())
}

/// The file of a directory, which is made if need be.
fn file(dir: &Path) -> Result<String, Error> {
    let failed = |reason: &dyn ToString| Error::Engine(format!("{}: {}", dir.display(), reason.to_string()));
    std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    let file = dir.join("dynamodb.sqlite");
    file.to_str().map(str::to_owned).ok_or_else(|| failed(&"the path isn't UTF-8"))
}

async fn sweep(database: &Database) {
    let mut ticks = time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        // A sweep that fails leaves expired items for the next one, as DynamoDB itself may for days.
        let _ = database.sweep_ttl();
    }
}
