//! The functions under test: what `template.yaml` names, and the executables that cargo has built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use carnet_local::template::{Function, Template};

/// The template that is deployed.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

/// The functions of the template.
pub fn functions() -> Vec<Function> {
    Template::read(&template(), &BTreeMap::new()).unwrap().functions
}

/// The executables of the template's functions, by name. Cargo builds every `[[bin]]` of this package before its
/// tests, all in one directory.
pub fn executables() -> BTreeMap<String, PathBuf> {
    let directory = Path::new(env!("CARGO_BIN_EXE_me")).parent().unwrap();
    let executable = |function: Function| {
        let path = directory.join(&function.binary);
        assert!(
            path.exists(),
            "template.yaml: {} has the Binary `{}`, which was not built: add a [[bin]] with this name to functions/Cargo.toml",
            function.logical_id,
            function.binary
        );
        (function.binary, path)
    };
    functions().into_iter().map(executable).collect()
}

/// The names of the `[[bin]]` entries in `functions/Cargo.toml`.
pub fn declared_binaries() -> BTreeSet<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let entries = manifest.split("[[bin]]").skip(1);
    let name = |entry: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix("name = "));
        line.unwrap_or_else(|| panic!("functions/Cargo.toml: a [[bin]] has no name:{entry}"))
            .trim_matches('"')
            .to_owned()
    };
    entries.map(name).collect()
}
