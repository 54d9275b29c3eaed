//! What `template.yaml` says: tables, functions, the event sources that invoke them, and the CORS settings.
//!
//! The template is the one description of the system: AWS deploys it and the local stack reads it, so that a wrong
//! index or route fails on the developer's machine and not after a deployment. This module owns the reading and knows
//! nothing of what runs. Its invariant: what the local stack cannot act on is an error that names the place, never
//! passed over. Start reading at [`Template::parse`].

mod condition;
mod cors;
mod document;
mod event_source;
mod function;
mod pattern;
mod resolve;
mod resource;
mod rule;
mod table;
mod yaml;

pub use cors::Cors;
pub use document::Template;
pub use event_source::{StartingPosition, StreamMapping};
pub use function::{Function, Route};
pub use pattern::Pattern;
pub use rule::{QueueRule, Rule};
pub use table::{AttributeDefinition, Index, KeyElement, Projection, Stream, Table, TimeToLive};
