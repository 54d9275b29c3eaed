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

/// The largest resident memory, in MiB, that a running process of this function has had so far. Linux only.
pub fn peak_memory(function: &str) -> u64 {
    let executable = &executables()[function];
    let is_running = |directory: &PathBuf| fs::read_link(directory.join("exe")).is_ok_and(|exe| same(&exe, executable));
    let peak = |directory: PathBuf| {
        let status = fs::read_to_string(directory.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(is_running).filter_map(peak).max().expect("no process of the function is running") / 1024
}

fn same(a: &Path, b: &Path) -> bool {
    fs::canonicalize(a).ok() == fs::canonicalize(b).ok()
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

/// Kills the process of a function that uses the DynamoDB at this address.
pub fn kill(function: &str, dynamodb: &str) {
    let pid = process_of(function, dynamodb);
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
}

/// The id of the process of a function that uses this DynamoDB.
fn process_of(function: &str, server: &str) -> String {
    let matches = |pid: &String| {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let (name, environment) = (read("cmdline"), String::from_utf8_lossy(&read("environ")).into_owned());
        String::from_utf8_lossy(&name).contains(function) && environment.contains(server)
    };
    let mut pids =
        fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    pids.find(matches).expect("a process of the function")
}
