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

use super::{Error, Life, Store, bind, until_overdue};

/// Items past their expiry go at this pace. The engine doesn't sweep by itself.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts the engine for a store that isn't a server already, and returns its address.
pub(super) fn start(store: &Store, port: u16, life: &Life) -> Result<String, Error> {
    let failed = |error: &dyn ToString| Error::Engine(error.to_string());
    let listener = bind(port, "--dynamodb-port")?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let database = match store {
        Store::Dir(dir) => open(dir)?,
        _ => Database::memory().map_err(|error| failed(&error))?,
    };
    let (ended, end) = oneshot::channel::<()>();
    let stop = life.stop.clone();
    let thread = thread::Builder::new().name("dynamodb".into()).spawn(move || {
        // Without a runtime there is no engine, which the first request to it will report.
        if let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() {
            let _ = runtime.block_on(serve(listener, database, stop));
        }
        // The database is closed by now; dropping the sender says so.
        drop(ended);
    });
    thread.map_err(|error| failed(&error))?;
    life.tasks.spawn(async { drop(end.await) });
    Ok(format!("http://{address}"))
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

fn open(dir: &Path) -> Result<Database, Error> {
    let open = || -> Result<Database, Box<dyn std::error::Error>> {
        std::fs::create_dir_all(dir)?;
        let file = dir.join("dynamodb.sqlite");
        let file = file.to_str().ok_or("the path isn't UTF-8")?;
        Ok(Database::new(file)?)
    };
    open().map_err(|error| Error::Engine(format!("{}: {error}", dir.display())))
}

async fn sweep(database: &Database) {
    let mut ticks = time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        // A sweep that fails leaves expired items for the next one, as DynamoDB itself may for days.
        let _ = database.sweep_ttl();
    }
}
