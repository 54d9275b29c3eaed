//! A stack whose events are held against the AsyncAPI document.

use std::ops::Deref;

use carnet_local::Stack;

use super::asyncapi;

/// A stack. When it ends, everything that it has published, and every dead letter, has to be documented.
pub struct DocumentedStack(Option<Stack>);

impl DocumentedStack {
    /// Stops the stack.
    pub async fn stop(mut self) {
        if let Some(stack) = self.end() {
            stack.stop().await;
        }
    }

    /// The stack, after its events were checked; `None` if they were before.
    fn end(&mut self) -> Option<Stack> {
        let stack = self.0.take()?;
        asyncapi::check_published(&stack.events());
        asyncapi::check_dead_letters(&stack.failures());
        Some(stack)
    }
}

impl From<Stack> for DocumentedStack {
    fn from(stack: Stack) -> Self {
        DocumentedStack(Some(stack))
    }
}

impl Deref for DocumentedStack {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        self.0.as_ref().expect("only `stop` and `drop` take the stack")
    }
}

impl Drop for DocumentedStack {
    fn drop(&mut self) {
        // A test that fails already says why; a second panic would abort the process.
        if !std::thread::panicking() {
            self.end();
        }
    }
}
