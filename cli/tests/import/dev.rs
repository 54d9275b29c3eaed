//! What the tests do with the running `carnet dev`.

use serde_json::Value;

use crate::support::Dev;

impl Dev {
    /// Writes a file for the test.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// Imports a file. Returns the exit status, the summary and standard error.
    pub async fn import(&self, file: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
        let (status, stdout, stderr) = self.run(&[&["import", file, "--json"], arguments].concat(), "").await;
        (status, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}")), stderr)
    }

    /// The contacts of a tenant as CSV.
    pub async fn export(&self, tenant: &str) -> String {
        let (status, stdout, stderr) = self.run(&["export", "--tenant", tenant], "").await;
        assert_eq!(status, Some(0), "{stderr}");
        stdout
    }

    /// The contacts of a tenant, sorted by phone number.
    pub async fn contacts(&self, tenant: &str) -> Vec<Value> {
        let (status, stdout, stderr) = self.run(&["export", "--tenant", tenant, "--format", "jsonl"], "").await;
        assert_eq!(status, Some(0), "{stderr}");
        let mut contacts: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        contacts.sort_by_key(|contact| contact["phone"].as_str().unwrap_or_default().to_owned());
        contacts
    }
}
