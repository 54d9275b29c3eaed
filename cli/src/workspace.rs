//! Where the workspace is, and where its data is kept.

use std::env;
use std::path::{Path, PathBuf};

/// The current directory or its nearest ancestor with a `template.yaml`, else the workspace this command was compiled in.
pub(crate) fn root() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|dir| dir.join("template.yaml").is_file());
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    found.or(home.parent()).unwrap_or(&here).to_owned()
}

/// The data directory: the one given, else `.carnet` beside the template.
pub(crate) fn data_dir(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| root().join(".carnet"))
}
