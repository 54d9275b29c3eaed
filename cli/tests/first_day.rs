//! The transcript `An operator's first day` in docs/operations.md: its commands are run on a local stack, and their output
//! has to be the one that the page shows.

mod support;

use std::path::Path;
use std::process::Stdio;

use support::Dev;
use tokio::process::Command;

/// Separates the outputs of the commands. No command prints it.
const END: &str = "\u{1}end of a command\u{1}";
/// The URL of the local stack in the page.
const URL: &str = "http://127.0.0.1:3000";

/// A command of the transcript, and what it prints there.
struct Step {
    command: String,
    output: Vec<String>,
}

/// The commands of the chapter's `console` blocks, in order.
fn transcript() -> Vec<Step> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let chapter =
        page.split("\n## ").find(|chapter| chapter.starts_with("An operator's first day")).expect("a chapter");
    let mut steps: Vec<Step> = Vec::new();
    for block in chapter.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap_or_default().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step { command: command.to_owned(), output: Vec::new() }),
                None => steps.last_mut().expect("a command before its output").output.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Whether a text is a pattern, in which `…` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn patterns_stand_for_what_differs() {
    for (pattern, text, is_match) in [
        ("a…c", "abc", true),
        ("a…c", "ac", true),
        ("a…c", "abcd", false),
        ("abc", "abcd", false),
        ("…b…", "abc", true),
        ("…b…", "ac", false),
        ("x…", "abc", false),
    ] {
        assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
    }
}

#[tokio::test]
async fn the_transcript_is_what_happens() {
    let dev = Dev::start().await;
    // The commands find the stack as they do in a clone: by `.carnet` beside template.yaml.
    let here = tempfile::tempdir().expect("a directory");
    std::fs::write(here.path().join("template.yaml"), "").expect("written");
    std::os::unix::fs::symlink(dev.data(), here.path().join(".carnet")).expect("linked");
    let steps = transcript();
    assert!(steps.len() > 12, "the page has {} commands", steps.len());

    let mut script = String::from("exec 2>&1\n");
    for step in &steps {
        // A file that the page shows is the one that it works with.
        if let Some(file) = step.command.strip_prefix("cat ") {
            std::fs::write(here.path().join(file), step.output.join("\n") + "\n").expect("written");
        }
        // Nothing uses the tenant any more, so that the wait for running calls may be short.
        let wait = if step.command.contains("tenant delete") { " --wait 0s" } else { "" };
        script += &format!("{}{wait}\nprintf '{END}'\n", step.command.replace(URL, &dev.url));
    }
    let carnet = Path::new(env!("CARGO_BIN_EXE_carnet")).parent().expect("a directory");
    let path = format!("{}:{}", carnet.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(here.path()).env("PATH", path).stdin(Stdio::null()).kill_on_drop(true);
    let output = bash.output().await.expect("bash runs");
    let output = String::from_utf8_lossy(&output.stdout).replace(&dev.url, URL);

    let outputs: Vec<&str> = output.split(END).collect();
    assert_eq!(outputs.len(), steps.len() + 1, "{output}");
    for (step, printed) in steps.iter().zip(outputs) {
        let shown = step.output.join("\n");
        assert!(matches(shown.trim(), printed.trim()), "$ {}\nshown:\n{shown}\n\nprinted:\n{printed}", step.command);
    }
}
